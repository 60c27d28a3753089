//! Signatures of minisign: whether a file is what the owner of a key signed.
//!
//! Both kinds are read: of the file's BLAKE2b-512 hash, which minisign makes by default, and of the file itself.
//! The files must be spelled as minisign spells them, to the byte; only the text of an untrusted comment is free,
//! since nothing signs it. See <https://jedisct1.github.io/minisign/> about the formats.

use blake2::{Blake2b512, Digest};
use ed25519_dalek::{Signature, VerifyingKey};

/// Why a file is not taken for what a key's owner signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// The comment that the signature covers was changed.
    Comment,
    /// The file was changed, or the signature.
    File,
    /// The key is not one of minisign's.
    Key,
    /// It is a signature by another key.
    OtherKey,
    /// The signature is not one of minisign's.
    Signature,
}

impl Refusal {
    /// The reason in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Comment => "the trusted comment is not what was signed",
            Self::File => "the file is not what was signed",
            Self::Key => "the key is no public key of minisign",
            Self::OtherKey => "the signature is by another key",
            Self::Signature => "the signature is no signature of minisign",
        }
    }
}

/// Returns the comment that is signed with the file, if `signature` is by the owner of `key` and for this `file`.
///
/// # Errors
/// Why it is not.
pub fn verify<'a>(key: &[u8], signature: &'a [u8], file: &[u8]) -> Result<&'a [u8], Refusal> {
    let (id, key) = read_key(key).ok_or(Refusal::Key)?;
    let parts = Parts::read(signature).ok_or(Refusal::Signature)?;
    if parts.key != id {
        return Err(Refusal::OtherKey);
    }
    let signed = match parts.hashed {
        true => key.verify_strict(&Blake2b512::digest(file), &parts.signature),
        false => key.verify_strict(file, &parts.signature),
    };
    signed.map_err(|_| Refusal::File)?;
    // The second signature covers the first one and the comment, which are not in one piece.
    let mut both = heapless::Vec::<u8, { SIGNATURE + COMMENT }>::new();
    let whole = both.extend_from_slice(&parts.signature.to_bytes()).is_ok()
        && both.extend_from_slice(parts.comment).is_ok()
        && key.verify_strict(&both, &parts.of_both).is_ok();
    if whole { Ok(parts.comment) } else { Err(Refusal::Comment) }
}

/// The key's number and the key, if this is a public key of minisign.
fn read_key(file: &[u8]) -> Option<(KeyId, VerifyingKey)> {
    let mut lines = Lines(file);
    lines.next()?.strip_prefix(UNTRUSTED)?;
    let key: [u8; 2 + ID + 32] = base64(lines.next()?)?;
    lines.is_over().then_some(())?;
    let (kind, rest) = key.split_first_chunk()?;
    let (id, point) = rest.split_first_chunk()?;
    (kind == b"Ed").then_some(())?;
    Some((*id, VerifyingKey::from_bytes(point.try_into().ok()?).ok()?))
}

/// What a file with a signature says.
struct Parts<'a> {
    /// Whether the hash of the file is signed, and not the file.
    hashed: bool,
    /// The number of the key.
    key: KeyId,
    signature: Signature,
    comment: &'a [u8],
    of_both: Signature,
}

impl<'a> Parts<'a> {
    fn read(file: &'a [u8]) -> Option<Self> {
        let mut lines = Lines(file);
        lines.next()?.strip_prefix(UNTRUSTED)?;
        let signature: [u8; 2 + ID + SIGNATURE] = base64(lines.next()?)?;
        let comment = lines.next()?.strip_prefix(TRUSTED)?;
        let of_both: [u8; SIGNATURE] = base64(lines.next()?)?;
        (lines.is_over() && comment.len() <= COMMENT).then_some(())?;
        let (kind, rest) = signature.split_first_chunk()?;
        let (key, signature) = rest.split_first_chunk()?;
        let hashed = match kind {
            b"ED" => true,
            b"Ed" => false,
            _ => return None,
        };
        let signature = Signature::from_bytes(signature.try_into().ok()?);
        Some(Self { hashed, key: *key, signature, comment, of_both: Signature::from_bytes(&of_both) })
    }
}

/// The lines that are left of a file; each has its newline, and nothing else ends one.
struct Lines<'a>(&'a [u8]);

impl<'a> Lines<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        let end = self.0.iter().position(|byte| *byte == b'\n')?;
        let (line, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.get(1..)?;
        Some(line)
    }

    const fn is_over(&self) -> bool {
        self.0.is_empty()
    }
}

/// So many bytes in base64, RFC 4648 section 4, with its padding and without a bit that does not count.
#[allow(clippy::arithmetic_side_effects)] // lengths of a line, and letters whose range was looked at
fn base64<const N: usize>(text: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    let mut bits = 0_u32;
    let mut left = bytes.iter_mut();
    (text.len() == N.div_ceil(3).checked_mul(4)?).then_some(())?;
    for (group, last) in text.chunks(4).zip((0..text.len() / 4).rev()) {
        let padding = if last == 0 { N.div_ceil(3) * 3 - N } else { 0 };
        for (place, letter) in group.iter().enumerate() {
            let digit = match *letter {
                b'=' if place + padding > 3 => 0,
                _ if place + padding > 3 => return None,
                b'A'..=b'Z' => letter - b'A',
                b'a'..=b'z' => letter - b'a' + 26,
                b'0'..=b'9' => letter - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                _ => return None,
            };
            bits = bits << 6 | u32::from(digit);
        }
        let [_, decoded @ ..] = bits.to_be_bytes();
        bits = 0;
        for (place, byte) in decoded.into_iter().enumerate() {
            if place + padding > 2 {
                (byte == 0).then_some(())?;
            } else {
                *left.next()? = byte;
            }
        }
    }
    Some(bytes)
}

type KeyId = [u8; ID];

const ID: usize = 8;
const SIGNATURE: usize = 64;
/// Bytes of a trusted comment; minisign itself stops at 8,192 with its prefix.
const COMMENT: usize = 8_192;

const UNTRUSTED: &[u8] = b"untrusted comment: ";
const TRUSTED: &[u8] = b"trusted comment: ";
