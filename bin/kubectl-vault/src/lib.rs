#![doc = include_str!("../README.md")]

pub mod args;
pub mod complaint;
pub mod complete;
pub mod connect;
pub mod decide;
pub mod output;
pub mod resource;
pub mod run;
pub mod verdict;
