//! [`Hasher`]: both hash functions behind one padding, which takes a few hundred bytes less of a
//! microcontroller's flash than one for each.
use super::algorithm::Algorithm;
use super::md5;
use core::convert::Infallible;
use core::slice;
use embedded_io::{ErrorType, Write};
use sha2::block_api::compress256;

/// Hashes what is written to it. MD5 and SHA-256 differ in how a block is taken in, and in the order of bytes (RFC
/// 1321, 3; FIPS 180-4, 5.1.1 and 6.2).
pub(super) struct Hasher {
    algorithm: Algorithm,
    /// Of MD5, the first four words. The others stay zero.
    state: [u32; 8],
    block: [u8; 64],
    /// How many bytes have come.
    len: usize,
}

impl Hasher {
    pub(super) const fn new(algorithm: Algorithm) -> Self {
        let state = match algorithm {
            Algorithm::Md5 => md5::INITIAL,
            Algorithm::Sha256 => SHA256_INITIAL,
        };
        Self { algorithm, state, block: [0; 64], len: 0 }
    }

    pub(super) const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Returns the hash, with zeros behind it. What is written later would be hashed with the padding.
    pub(super) fn finish(&mut self) -> [u8; 32] {
        let bits = (self.len as u64) << 3;
        self.push(0x80);
        while self.len % 64 != 56 {
            self.push(0);
        }
        let bits = match self.algorithm {
            Algorithm::Md5 => bits.to_le_bytes(),
            Algorithm::Sha256 => bits.to_be_bytes(),
        };
        for byte in bits {
            self.push(byte);
        }
        let mut hash = [0; 32];
        let (words, _) = hash.as_chunks_mut::<4>();
        for (bytes, word) in words.iter_mut().zip(&self.state) {
            *bytes = match self.algorithm {
                Algorithm::Md5 => word.to_le_bytes(),
                Algorithm::Sha256 => word.to_be_bytes(),
            };
        }
        hash
    }

    // Inlined, it takes more of a microcontroller's flash.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(super) fn push(&mut self, byte: u8) {
        if let Some(place) = self.block.get_mut(self.len % 64) {
            *place = byte;
        }
        self.len = self.len.wrapping_add(1);
        if self.len.is_multiple_of(64) {
            match self.algorithm {
                Algorithm::Md5 => md5::compress(&mut self.state, &self.block),
                Algorithm::Sha256 => compress256(&mut self.state, slice::from_ref(&self.block)),
            }
        }
    }
}

/// Where a hash of SHA-256 begins (FIPS 180-4, 5.3.3).
const SHA256_INITIAL: [u32; 8] =
    [0x6A09_E667, 0xBB67_AE85, 0x3C6E_F372, 0xA54F_F53A, 0x510E_527F, 0x9B05_688C, 0x1F83_D9AB, 0x5BE0_CD19];

impl ErrorType for Hasher {
    type Error = Infallible;
}

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        for byte in bytes {
            self.push(*byte);
        }
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        self.write(bytes).map(|_| ())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sha2::digest::Digest;
    use std::vec::Vec;

    fn hash(algorithm: Algorithm, parts: &[Vec<u8>]) -> [u8; 32] {
        let mut hasher = Hasher::new(algorithm);
        for part in parts {
            let Ok(()) = hasher.write_all(part);
        }
        hasher.finish()
    }

    proptest! {
        #[test]
        fn hashes_are_those_of_the_libraries(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..4),
        ) {
            let message = parts.concat();
            let mut md5 = [0; 32];
            md5[..16].copy_from_slice(&::md5::Md5::digest(&message));
            prop_assert_eq!(hash(Algorithm::Md5, &parts), md5);
            prop_assert_eq!(&hash(Algorithm::Sha256, &parts)[..], &sha2::Sha256::digest(&message)[..]);
        }
    }
}
