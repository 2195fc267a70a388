//! Numbers -> table or JSON.
