//! The simulated AWS on a socket.
