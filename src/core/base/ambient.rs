//! The ambient world as traits: time and randomness come in from outside, so that tests can replay them.

/// Time as the engine may use it.
pub trait Clock {
    /// Milliseconds that never go back, from an arbitrary origin. For deadlines and durations.
    fn monotonic_ms(&self) -> f64;
    /// Milliseconds since the Unix epoch, as the device believes. Never used for ordering or expiry across tabs.
    fn wall_ms(&self) -> f64;
}

/// A source of random bytes. In a browser it is cryptographic; in a test it is seeded.
pub trait Rng {
    /// Fills `bytes` with random bytes.
    fn fill(&self, bytes: &mut [u8]);

    /// A random 64-bit number.
    fn next_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}
