//! The HTTP face, over a machine of the tests' own and over the three servers.
#![cfg(feature = "http")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests")]

mod bad_input;
mod board;
mod client;
mod faults;
mod in_process;
mod requests;
mod sandbox;
mod time;
#[cfg(feature = "tls")]
mod tls;
mod watches;
