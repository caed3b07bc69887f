//! The same at the level of documents: commands of the database against a plain model of documents, with every index
//! and count compared with the documents it was derived from.
//!
//! Engine keys are the business of the modules beside this folder.

mod author;
mod crash_tests;
mod live;
mod model;
mod model_tests;
#[cfg(feature = "planted-bugs")]
mod planted_tests;
mod tab;
mod verdict;
mod world;
