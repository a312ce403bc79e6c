//! Cases beside a standard.
