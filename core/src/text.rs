//! Writes and reads text without allocation and without `core::fmt`: numbers, lists and parameters as RTSP
//! and SDP spell them. Text is bytes, which are not checked to be UTF-8.
//!
//! A [`TextWriter`] writes into any [`Write`]: a [`SliceSink`], a [`Counter`] to learn a length first, or a
//! sink of the caller's. The writer remembers the first error of the sink: call [`TextWriter::finish`] at the
//! end to learn of it.
use crate::num::mul_add;
use crate::storage;
use crate::time::MediaTime;
use core::convert::Infallible;
use core::fmt;
use embedded_io::{ErrorType, SliceWriteError, Write};

/// A value that has a text form in RTSP or SDP, such as a header value. Implement this trait to pass a type
/// of your own to a [`MessageWriter`](crate::rtsp::MessageWriter).
pub trait Emit {
    /// Writes the text form into `out`. If the sink of `out` fails, `out` keeps the error, and this method
    /// returns as usual. Write the same text in each call, because the length may be counted in a first call.
    fn emit<W: Write>(&self, out: &mut TextWriter<W>);

    /// Returns the length of the text form in bytes, by writing it into a [`Counter`].
    fn text_len(&self) -> usize {
        let mut out = TextWriter::new(Counter::default());
        self.emit(&mut out);
        let Ok(counter) = out.finish();
        counter.count()
    }
}

impl<T: Emit + ?Sized> Emit for &T {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        (**self).emit(out)
    }
}

impl Emit for [u8] {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        out.text(self)
    }
}

impl Emit for str {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        out.text(self)
    }
}

/// Writes the number in decimal.
impl Emit for u64 {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        out.dec(*self)
    }
}

/// Writes the number in decimal.
impl Emit for u32 {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        out.dec(*self)
    }
}

/// Bytes from a peer or a user that are to be written on one line. Each control byte is written as a space,
/// for example each byte of a line end within a folded header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OneLine<'a>(pub &'a [u8]);

impl Emit for OneLine<'_> {
    fn emit<W: Write>(&self, out: &mut TextWriter<W>) {
        let mut parts = self.0.split(u8::is_ascii_control);
        out.text(parts.next().unwrap_or_default());
        for part in parts {
            out.text(" ");
            out.text(part);
        }
    }
}

/// Writes text piece by piece into a sink. Once the sink has failed, nothing more is written. Call
/// [`Self::finish`] at the end: only that call reports the error.
#[derive(Debug)]
pub struct TextWriter<W: Write> {
    sink: W,
    result: Result<(), W::Error>,
}

impl<W: Write> TextWriter<W> {
    /// Makes a writer into `sink`, which may be a `&mut` reference to a sink. Text is added after what the
    /// sink already has.
    pub const fn new(sink: W) -> Self {
        Self { sink, result: Ok(()) }
    }

    /// Ends writing, and returns the sink with everything that was written. The sink is not flushed.
    ///
    /// # Errors
    /// Returns the first error of the sink. The sink may have taken a part of the text before the error: do
    /// not use that part.
    pub fn finish(self) -> Result<W, W::Error> {
        self.result.map(|()| self.sink)
    }

    /// Returns the sink, for example to write to the sink directly between two pieces of text. The writer
    /// does not learn of errors of such direct calls: handle them yourself.
    pub fn sink_mut(&mut self) -> &mut W {
        &mut self.sink
    }

    /// Writes bytes as they are, without escaping and without a check for control bytes. If the sink has
    /// failed before, nothing is written.
    pub fn text(&mut self, text: impl AsRef<[u8]>) {
        self.put(text.as_ref());
    }

    /// Writes bytes. A function of its own, so that its code is there once and not for each type of
    /// text.
    fn put(&mut self, text: &[u8]) {
        if self.result.is_ok() {
            self.result = self.sink.write_all(text);
        }
    }

    /// Writes a number in decimal, without leading zeros.
    pub fn dec(&mut self, value: impl Into<u64>) {
        self.fixed(value.into(), 1)
    }

    /// Writes a number as eight hexadecimal digits in upper case, with leading zeros, as RTSP writes an SSRC.
    pub fn hex(&mut self, value: u32) {
        self.text(hex_digits(u64::from(value)).get(8..).unwrap_or_default())
    }

    /// Writes a time as seconds with up to six decimals and without trailing zeros (RFC 2326, 3.6,
    /// `npt-sec`). For example, 1,500,000 microseconds are written as `1.5`.
    pub fn npt(&mut self, at: MediaTime) {
        self.fixed(at.as_micros(), 1_000_000)
    }

    /// Writes a number of thousandths as a decimal fraction without trailing zeros: 1500 is written as `1.5`,
    /// and 2000 as `2`.
    pub fn thousandths(&mut self, value: u32) {
        self.fixed(u64::from(value), 1_000)
    }

    /// Writes `value / unit`. A function of its own, so that its code is there once and not for each
    /// type of value.
    fn fixed(&mut self, value: u64, unit: u32) {
        self.text(Digits::of(value, unit).as_bytes())
    }

    /// Writes a part of a URL. White space, control bytes and bytes outside ASCII are percent-encoded. All
    /// other bytes are written as they are: `?` and `#` keep their meaning, and a `%` counts as the start of
    /// an encoding that is there already.
    pub fn url_text(&mut self, text: &[u8]) {
        let mut rest = text;
        while let Some(at) = rest.iter().position(|b| !b.is_ascii_graphic())
            && let Some((plain, [odd, tail @ ..])) = rest.split_at_checked(at)
        {
            self.text(plain);
            self.text([b'%', hex_digit(odd >> 4), hex_digit(odd & 0xF)]);
            rest = tail;
        }
        self.text(rest)
    }
}

/// The decimal digits of a number. Apart from the writer, which is compiled anew for each sink.
struct Digits {
    bytes: [u8; Self::MAX],
    start: usize,
}

impl Digits {
    /// The most bytes: 20 digits and a point.
    const MAX: usize = 21;

    /// Makes the digits of `value / unit`, exactly and without trailing zeros. `unit` is a power of
    /// ten.
    fn of(value: u64, mut unit: u32) -> Self {
        let mut this = Self { bytes: [0; Self::MAX], start: Self::MAX };
        let mut rest = value;
        let mut next = || {
            let digit = (rest % 10) as u8;
            rest /= 10;
            (b'0' | digit, rest == 0)
        };
        while unit > 1 {
            unit /= 10;
            let (digit, _) = next();
            if digit != b'0' || !this.as_bytes().is_empty() {
                this.push_front(digit);
            }
        }
        if !this.as_bytes().is_empty() {
            this.push_front(b'.');
        }
        loop {
            let (digit, is_last) = next();
            this.push_front(digit);
            if is_last {
                return this;
            }
        }
    }

    fn push_front(&mut self, byte: u8) {
        self.start = self.start.saturating_sub(1);
        if let Some(place) = self.bytes.get_mut(self.start) {
            *place = byte;
        }
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

pub(crate) const fn hex_digit(nibble: u8) -> u8 {
    match nibble {
        0..=9 => b'0' + nibble,
        _ => b'A' + (nibble.wrapping_sub(10) & 7),
    }
}

/// Returns a number as sixteen hexadecimal digits.
pub(crate) fn hex_digits(value: u64) -> [u8; 16] {
    let mut rest = value;
    let mut digits = [0; 16];
    for digit in digits.iter_mut().rev() {
        *digit = hex_digit((rest & 0xF) as u8);
        rest >>= 4;
    }
    digits
}

/// A sink that counts the bytes that are written to it, and drops them. Writing never fails. Use a counter
/// to learn the length of a body before the body is written, because the length is sent before the body.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counter(usize);

impl Counter {
    /// Returns how many bytes were written since the sink was made.
    pub const fn count(&self) -> usize {
        self.0
    }
}

impl ErrorType for Counter {
    type Error = Infallible;
}

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        self.0 = self.0.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        self.write(bytes).map(|_| ())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// A sink that writes into bytes of the caller, one piece after another. If a piece does not fit as a whole,
/// nothing of the piece is written, and the write fails with [`SliceWriteError::Full`]. A shorter piece may
/// still fit afterwards.
#[derive(Debug)]
pub struct SliceSink<'a> {
    bytes: &'a mut [u8],
    len: usize,
}

impl<'a> SliceSink<'a> {
    /// Makes a sink that writes from the start of `bytes`, and overwrites what `bytes` contains.
    pub const fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, len: 0 }
    }

    /// Returns how many bytes were written since the sink was made.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns true if nothing was written since the sink was made.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the bytes that were written since the sink was made, without the free bytes after them.
    pub fn written(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl ErrorType for SliceSink<'_> {
    type Error = SliceWriteError;
}

impl Write for SliceSink<'_> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, SliceWriteError> {
        if !storage::put(self.bytes, self.len, bytes) {
            return Err(SliceWriteError::Full);
        }
        self.len = self.len.saturating_add(bytes.len());
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> Result<(), SliceWriteError> {
        self.write(bytes).map(|_| ())
    }

    fn flush(&mut self) -> Result<(), SliceWriteError> {
        Ok(())
    }
}

/// Reads a whole number in decimal. Returns `None` if `digits` is empty, if a byte is no digit (also a sign
/// or a space), or if the number does not fit 64 bits.
pub fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |value, &b| mul_add(value, 10, u64::from(char::from(b).to_digit(10)?)))
}

/// Reads one to eight hexadecimal digits, in upper or lower case. Returns `None` for anything else, also for
/// a prefix `0x`.
pub fn hexadecimal(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    digits.iter().try_fold(0u32, |value, &b| Some(value << 4 | char::from(b).to_digit(16)?))
}

/// Reads a decimal number such as `12.34`, and returns the number multiplied by `unit`. With a unit of 1000,
/// `12.34` is 12,340. `unit` must be a power of ten; otherwise the result is wrong. Digits finer than the
/// unit are cut off. Digits after the point may be missing: `12.` is 12.
///
/// Returns `None` in these cases:
///
/// - There is no digit before the point.
/// - There is anything but digits and one point, such as a sign or a space.
/// - The result does not fit 64 bits.
pub fn fraction(text: &[u8], mut unit: u32) -> Option<u64> {
    let (whole, fine) = split_once(text, b'.').unwrap_or((text, &[]));
    let mut value = mul_add(decimal(whole)?, unit, 0)?;
    for &b in fine {
        unit /= 10;
        value = mul_add(u64::from(char::from(b).to_digit(10)?), unit, value)?;
    }
    Some(value)
}

/// Returns the first word of `text`, and the text after that word. A word ends at ASCII white space. Both
/// results are without white space around them. If `text` is empty or only white space, both results are
/// empty. If nothing follows the word, the second result is empty.
pub fn first_word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii();
    let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
    (word, rest.trim_ascii_start())
}

/// Splits `text` at the first `separator`. Returns the text before the separator and the text after the
/// separator. White space is kept. Returns `None` if there is no separator.
pub fn split_once(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&b| b == separator)?;
    let (before, rest) = text.split_at_checked(at)?;
    Some((before, rest.split_first()?.1))
}

/// Splits `text` at the last `separator`. Returns the text before the separator and the text after the
/// separator. White space is kept. Returns `None` if there is no separator.
pub fn rsplit_once(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().rposition(|&b| b == separator)?;
    let (before, rest) = text.split_at_checked(at)?;
    Some((before, rest.split_first()?.1))
}

/// Returns an iterator over the parts of `list` between separators. Each part is without the white space
/// around it. Parts may be empty: an empty list has one empty part.
///
/// A separator within double quotes does not separate. The quotes stay in the part. If a quote is never
/// closed, its part reaches to the end of the list.
pub fn split(list: &[u8], separator: u8) -> Split<'_> {
    Split { rest: Some(list), separator }
}

/// The iterator over the parts of a list that [`split`] returns.
#[derive(Clone, Debug)]
pub struct Split<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

impl<'a> Iterator for Split<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest.take()?;
        let mut quoted = false;
        let end = rest.iter().position(|&b| {
            quoted ^= b == b'"';
            b == self.separator && !quoted
        });
        let Some((part, tail)) = end.and_then(|end| rest.split_at_checked(end)) else {
            return Some(rest.trim_ascii());
        };
        self.rest = tail.split_first().map(|(_, tail)| tail);
        Some(part.trim_ascii())
    }
}

/// Splits a parameter `name=value` at the first `=`. Returns the name and the value. Both are without white
/// space around them, and the value is also without double quotes around it. If there is no `=`, the name is
/// the whole text, and the value is empty.
pub fn parameter(text: &[u8]) -> (&[u8], &[u8]) {
    let (name, value) = split_once(text, b'=').unwrap_or((text, &[]));
    (name.trim_ascii(), unquote(value.trim_ascii()))
}

/// Returns `text` without the double quotes around it. If `text` does not both start and end with a double
/// quote, `text` is returned as it is. Escapes within the quotes are left as they are.
pub fn unquote(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text)
}

/// Returns true if `text` starts with `prefix`. Upper and lower case of ASCII letters count as equal.
pub fn starts_with_ignore_case(text: &[u8], prefix: &[u8]) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Whether `text` ends with `suffix`. The method of slices has an index, which leaves a panic where it
/// is not inlined.
#[cfg(feature = "client")]
pub(crate) fn ends_with(text: &[u8], suffix: &[u8]) -> bool {
    text.len().checked_sub(suffix.len()).and_then(|at| text.get(at..)) == Some(suffix)
}

/// The bytes for which percent-encoded text stands. A `%` without two digits stands for itself.
pub(crate) struct Decoded<'a>(pub(crate) &'a [u8]);

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let digit = |b: u8| char::from(b).to_digit(16);
        if let [b'%', high, low, rest @ ..] = self.0
            && let (Some(high), Some(low)) = (digit(*high), digit(*low))
        {
            self.0 = rest;
            return Some((high << 4 | low) as u8);
        }
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }
}

/// A number of things in words: the number, and one of two texts after it. The first text is for one thing, the
/// second for any other number. `Count(1, "byte is", "bytes are")` is displayed as `1 byte is`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count<'a, N>(pub N, pub &'a str, pub &'a str);

impl<N: fmt::Display + PartialEq + From<u8>> fmt::Display for Count<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, one, many) = self;
        write!(f, "{number} {}", if *number == N::from(1) { one } else { many })
    }
}

/// Bytes for people to read: those that are not printable ASCII are escaped. [`slice::escape_ascii`]
/// does the same, but its `Display` indexes.
#[cfg(any(feature = "client", feature = "jpeg"))]
pub(crate) struct Escaped<'a>(pub(crate) &'a [u8]);

#[cfg(any(feature = "client", feature = "jpeg"))]
impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&byte| core::ascii::escape_default(byte).fmt(f))
    }
}

/// Returns the offset of `part` in `whole`, of which it is a part. Returns the length of `whole` if it
/// is not a part of it.
#[cfg_attr(target_pointer_width = "32", inline(never))]
pub(crate) fn offset(whole: &[u8], part: &[u8]) -> usize {
    part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr()).min(whole.len())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn one_is_no_plural() {
        let told = [0_u64, 1, 2].map(|count| std::format!("{}", Count(count, "byte is", "bytes are")));
        assert_eq!(told, ["0 bytes are", "1 byte is", "2 bytes are"]);
    }

    /// Returns the text form of a value, for the tests of the wire types.
    pub(crate) fn emitted(value: &(impl Emit + ?Sized)) -> Vec<u8> {
        let mut out = TextWriter::new(Vec::new());
        value.emit(&mut out);
        assert_eq!(out.sink.len(), value.text_len());
        out.finish().unwrap()
    }

    fn written(write: impl FnOnce(&mut TextWriter<Vec<u8>>)) -> Vec<u8> {
        let mut out = TextWriter::new(Vec::new());
        write(&mut out);
        out.sink
    }

    #[test]
    fn a_number_that_does_not_fit_is_none() {
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(decimal(b"18446744073709551616"), None);
        assert_eq!(decimal(b""), None);
        assert_eq!(decimal(b"-1"), None);
        assert_eq!(hexadecimal(b"100000000"), None);
        assert_eq!(fraction(b"18446744073709.551616", 1_000_000), None);
    }

    #[test]
    fn fractions_are_written_without_trailing_zeros_and_read_with_them() {
        let npt = |micros| written(|out| out.npt(MediaTime::from_micros(micros)));
        assert_eq!(npt(0), b"0");
        assert_eq!(npt(12_340_000), b"12.34");
        assert_eq!(npt(1_000_001), b"1.000001");
        assert_eq!(fraction(b"7.7410000", 1_000_000), Some(7_741_000));
        assert_eq!(fraction(b"7.", 1_000_000), Some(7_000_000));
        assert_eq!(fraction(b".5", 1_000_000), None);
    }

    #[test]
    fn a_comma_in_quotes_separates_nothing() {
        let parts: Vec<_> = split(b"a , \"b,c\",, d", b',').collect();
        assert_eq!(parts, [&b"a"[..], b"\"b,c\"", b"", b"d"]);
        assert_eq!(parameter(b" mode = \"PLAY\" "), (&b"mode"[..], &b"PLAY"[..]));
        assert_eq!(unquote(b"\""), b"\"");
    }

    #[test]
    fn a_slice_takes_a_piece_whole_or_not_at_all_and_then_no_other() {
        let mut bytes = [0u8; 5];
        let mut out = TextWriter::new(SliceSink::new(&mut bytes));
        out.text("abc");
        out.text("def");
        out.dec(12u8);
        assert_eq!(out.sink_mut().written(), b"abc");
        assert_eq!(out.finish().unwrap_err(), SliceWriteError::Full);
    }

    #[test]
    fn a_folded_value_comes_out_on_one_line() {
        assert_eq!(emitted(&OneLine(b"a,\r\n b\0")), b"a,   b ");
        assert_eq!(emitted(&OneLine(b"")), b"");
    }

    #[test]
    fn what_cannot_stand_in_a_url_is_encoded() {
        assert_eq!(written(|out| out.url_text("a b%20\u{e9}\r\n".as_bytes())), b"a%20b%20%C3%A9%0D%0A");
    }

    proptest! {
        #[test]
        fn numbers_round_trip(value: u64, word: u32) {
            prop_assert_eq!(decimal(&written(|out| out.dec(value))), Some(value));
            prop_assert_eq!(hexadecimal(&written(|out| out.hex(word))), Some(word));
            let npt = written(|out| out.npt(MediaTime::from_micros(value)));
            prop_assert_eq!(fraction(&npt, 1_000_000), Some(value));
            let rate = written(|out| out.thousandths(word));
            prop_assert_eq!(fraction(&rate, 1_000), Some(u64::from(word)));
        }

        #[test]
        fn splitting_keeps_all_but_separators_and_space(text in "[a-c, ]{0,30}") {
            let joined: Vec<u8> = split(text.as_bytes(), b',').collect::<Vec<_>>().join(&b',');
            let squeezed = |t: &[u8]| t.iter().copied().filter(|&b| b != b' ').collect::<Vec<u8>>();
            prop_assert_eq!(squeezed(&joined), squeezed(text.as_bytes()));
        }
    }
}
