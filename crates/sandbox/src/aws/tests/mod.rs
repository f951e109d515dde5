//! The state machine, called as AWS is.

mod calls;
mod faults;
mod iam;
mod signature;
mod sts;
