#![doc = include_str!("../README.md")]

pub mod aws_access_key_request;
pub mod aws_role;
pub mod backoff;
pub mod conditions;
pub mod explain;
pub mod explore;
pub mod failure;
pub mod known;
pub mod machine;
pub mod names;
pub mod note;
pub mod object;
pub mod ownership;
pub mod reasons;
pub mod secret_engine;
pub mod settings;

pub use failure::{Failure, FailureClass};
pub use jiff::{SignedDuration, Timestamp};
pub use known::Known;
pub use machine::{Machine, Next, Plan};
pub use note::{Note, NoteType};
pub use object::Object;
pub use settings::Settings;
