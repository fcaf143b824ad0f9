//! The end of a certificate's validity, read from its DER (RFC 5280, 4.1): the few fields before it are stepped over.

/// Tag of a SEQUENCE.
const SEQUENCE: u8 = 0x30;
/// Tag of the version, which is left out of certificates of version 1.
const VERSION: u8 = 0xa0;
/// Tag of a time with two digits of the year.
const UTC_TIME: u8 = 0x17;
/// Tag of a time with four.
const GENERALIZED_TIME: u8 = 0x18;

/// A value of DER: its tag and its contents.
struct Value<'a> {
    tag: u8,
    contents: &'a [u8],
}

/// Returns until when a certificate is valid, such as `2030-01-31T12:00:00Z`; `None` for what is no certificate.
pub fn expires(der: &[u8]) -> Option<String> {
    let mut at = der;
    let mut fields = inside(&take(&mut at)?)?;
    let mut to_be_signed = inside(&take(&mut fields)?)?;
    let first = take(&mut to_be_signed)?;
    if first.tag == VERSION {
        let _serial_number = take(&mut to_be_signed)?;
    }
    let _algorithm = take(&mut to_be_signed)?;
    let _issuer = take(&mut to_be_signed)?;
    let mut validity = inside(&take(&mut to_be_signed)?)?;
    let _not_before = take(&mut validity)?;
    time(&take(&mut validity)?)
}

fn inside<'a>(value: &Value<'a>) -> Option<&'a [u8]> {
    (value.tag == SEQUENCE).then_some(value.contents)
}

/// Takes the next value; `None` if there is none whole.
fn take<'a>(at: &mut &'a [u8]) -> Option<Value<'a>> {
    let (&tag, rest) = at.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        // The length of the length; no certificate is longer than three bytes say.
        let count = usize::from(first & 0x7f);
        let bytes = rest.get(..count).filter(|bytes| bytes.len() <= 3)?;
        length = bytes
            .iter()
            .fold(0, |length, &byte| length << 8 | usize::from(byte));
        rest = rest.get(count..)?;
    }
    let contents = rest.get(..length)?;
    *at = rest.get(length..)?;
    Some(Value { tag, contents })
}

fn time(value: &Value<'_>) -> Option<String> {
    let text = std::str::from_utf8(value.contents).ok()?;
    let digits = text.strip_suffix('Z')?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (century, rest) = match value.tag {
        // RFC 5280, 4.1.2.5.1: 50 and above are of the last century.
        UTC_TIME if digits.get(..2)? >= "50" => ("19", digits),
        UTC_TIME => ("20", digits),
        GENERALIZED_TIME => (digits.get(..2)?, digits.get(2..)?),
        _ => return None,
    };
    let part = |from: usize| rest.get(from..from + 2);
    if rest.len() != 12 {
        return None;
    }
    Some(format!(
        "{century}{}-{}-{}T{}:{}:{}Z",
        part(0)?,
        part(2)?,
        part(4)?,
        part(6)?,
        part(8)?,
        part(10)?
    ))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::any;
    use proptest::proptest;
    use rcgen::CertificateParams;
    use rcgen::KeyPair;
    use rcgen::date_time_ymd;

    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_read() {
        for (year, want) in [
            (2031, "2031-02-03T00:00:00Z"),
            (2051, "2051-02-03T00:00:00Z"),
        ] {
            let mut params = CertificateParams::new(vec!["irc.test".to_owned()]).unwrap();
            params.not_after = date_time_ymd(year, 2, 3);
            let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
            assert_eq!(expires(certificate.der()).as_deref(), Some(want));
            for cut in 0..certificate.der().len() {
                assert_eq!(expires(&certificate.der()[..cut]), None);
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in vec(any::<u8>(), 0..200)) {
            expires(&bytes);
        }
    }
}
