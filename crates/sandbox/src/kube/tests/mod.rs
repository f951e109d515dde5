//! What the API server does, request by request.

mod support;

mod access;
mod applying;
mod bad_input;
mod collecting;
mod crud;
mod custom;
mod listing;
mod patching;
mod quotas;
mod watching;
