//! What is done to the API server: status, finalizers, events, and the objects of a request.

pub mod events;
pub mod readers;
pub mod secrets;
pub mod target;

pub use events::Events;
pub use target::Target;
