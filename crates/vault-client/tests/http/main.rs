//! The ports over real sockets: what is sent, what is made of the answers, and what never shows.
#![allow(clippy::unwrap_used, reason = "a failed test is what it is for")]

mod answers;
mod credentials;
mod logins;
mod ports;
mod redirects;
mod retries;
mod support;
mod tls;
