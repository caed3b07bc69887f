//! The server as it is started by people: the program, over HTTP, on a file and on PostgreSQL.

#![cfg(test)]

mod attack_tests;
mod backup_tests;
mod cluster;
mod fixture;
mod fuzz_tests;
mod limit_tests;
mod openapi_tests;
mod operation_tests;
mod replica_tests;
mod schema_tests;
mod speed_tests;
mod sync_tests;
mod tenant_tests;
mod tls_tests;
mod token_tests;
mod version_tests;
