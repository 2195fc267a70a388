//! Money: bytes billed, nano-dollars, the price list and the billing rules.
