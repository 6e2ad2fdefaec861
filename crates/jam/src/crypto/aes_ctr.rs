//! AES-256 in counter mode (NIST SP 800-38A section 6.5), without a tag of its own: whoever uses it authenticates
//! first.

use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;

/// Encrypts or decrypts `data` in place; `counter` is the first counter block.
pub(crate) fn apply(key: &[u8; 32], counter: &[u8; 16], data: &mut [u8]) {
    let key = UnboundCipherKey::new(&AES_256, key).and_then(EncryptingKey::ctr);
    let counter = EncryptionContext::Iv128(FixedLength::from(counter));
    key.and_then(|key| key.less_safe_encrypt(data, counter))
        .expect("the types say that the key and the counter are as long as AES-256 has them");
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    // NIST SP 800-38A appendix F.5.5.
    #[test]
    fn the_ciphertext_is_that_of_sp_800_38a() {
        let hex = |text: &str| HEXLOWER.decode(text.as_bytes()).unwrap();
        let key = hex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
        let counter = hex("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
        let plaintext = hex(concat!(
            "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
            "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710",
        ));
        let ciphertext = hex(concat!(
            "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5",
            "2b0930daa23de94ce87017ba2d84988ddfc9c58db67aada613c2dd08457941a6",
        ));
        let (key, counter) = (key.try_into().unwrap(), counter.try_into().unwrap());
        for length in [0, 1, 15, 16, 17, 64] {
            let mut data = plaintext[..length].to_vec();
            apply(&key, &counter, &mut data);
            assert_eq!(data, ciphertext[..length]);
            apply(&key, &counter, &mut data);
            assert_eq!(data, plaintext[..length]);
        }
    }
}
