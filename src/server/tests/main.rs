//! The server as it is started by people: the program, over HTTP, on a file.

#[cfg(test)]
mod attack_tests;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod sync_tests;
