//! What packages and hosts agree on.
