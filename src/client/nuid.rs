//! Names that nobody else has.

use rand::distr::{Alphanumeric, SampleString};

const LENGTH: usize = 22;

/// A random name of 22 letters and digits.
pub fn nuid() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), LENGTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nuids() {
        let nuid = nuid();
        assert_eq!(nuid.len(), 22);
        assert!(nuid.chars().all(|c| c.is_ascii_alphanumeric()));
        assert_ne!(nuid, super::nuid());
    }
}
