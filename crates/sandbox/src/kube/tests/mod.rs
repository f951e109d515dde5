//! What the API server does, request by request.

mod support;

mod crud;
