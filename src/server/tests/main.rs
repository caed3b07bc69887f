//! The server as it is started by people: the program, over HTTP, on a file and on PostgreSQL.

#[cfg(test)]
mod attack_tests;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod limit_tests;
#[cfg(test)]
mod openapi_tests;
#[cfg(test)]
mod operation_tests;
#[cfg(test)]
mod replica_tests;
#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod speed_tests;
#[cfg(test)]
mod sync_tests;
#[cfg(test)]
mod token_tests;
