//! The command line that hosts write: single dashes, values as separate arguments.

use std::ffi::OsString;
use std::fmt;

use host_sdk::protocol::StartArgs;

/// What is wrong with the command line.
#[derive(Debug, PartialEq, Eq)]
pub enum Error {
    /// A flag isn't there.
    Missing(&'static str),
    /// A flag stands at the end, without its value.
    NoValue(&'static str),
    /// A value isn't Unicode.
    NotUnicode(&'static str),
    /// The port isn't a number from 1 to 65535.
    Port(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(flag) => write!(f, "-{flag} is missing")?,
            Self::NoValue(flag) => write!(f, "-{flag} has no value")?,
            Self::NotUnicode(flag) => write!(f, "the value of -{flag} is not Unicode")?,
            Self::Port(value) => write!(f, "-port takes a number from 1 to 65535, not {value:?}")?,
        }
        f.write_str(
            "; usage: package-runner -port P -packageUUID U -registerEvent E -info JSON (a host starts this program)",
        )
    }
}

const FLAGS: [&str; 4] = ["port", "packageUUID", "registerEvent", "info"];

/// Reads the flags in any order. Ones that this version doesn't know are skipped with their value; one or two dashes
/// are the same.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<StartArgs, Error> {
    let mut values: [Option<String>; FLAGS.len()] = Default::default();
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let Some(name) = arg.to_str().and_then(|arg| arg.strip_prefix('-')) else { continue };
        let name = name.strip_prefix('-').unwrap_or(name);
        let Some(position) = FLAGS.iter().position(|flag| *flag == name) else { continue };
        let flag = FLAGS[position];
        let value = args.next().ok_or(Error::NoValue(flag))?;
        values[position] = Some(value.into_string().map_err(|_| Error::NotUnicode(flag))?);
    }
    let [port, package_uuid, register_event, info] = values;
    let port = port.ok_or(Error::Missing("port"))?;
    Ok(StartArgs {
        port: port.parse().ok().filter(|port| *port != 0).ok_or(Error::Port(port))?,
        package_uuid: package_uuid.ok_or(Error::Missing("packageUUID"))?,
        register_event: register_event.ok_or(Error::Missing("registerEvent"))?,
        // Some samples do without, and there are sensible defaults.
        info: info.unwrap_or_else(|| "{}".to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<StartArgs, Error> {
        super::parse(args.iter().map(OsString::from))
    }

    #[test]
    fn reads_what_a_host_writes() {
        let args = parse(&["-port", "1234", "-packageUUID", "com.x", "-registerEvent", "reg", "-info", r#"{"a":1}"#]);
        let expected = StartArgs {
            port: 1234,
            package_uuid: "com.x".into(),
            register_event: "reg".into(),
            info: r#"{"a":1}"#.into(),
        };
        assert_eq!(args, Ok(expected));
    }

    #[test]
    fn any_order_two_dashes_unknown_flags_and_no_info() {
        let args =
            parse(&["--registerEvent", "reg", "-new", "x", "stray", "-packageUUID", "com.x", "--port", "1"]).unwrap();
        assert_eq!((args.port, args.info.as_str()), (1, "{}"));
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(parse(&[]), Err(Error::Missing("port")));
        assert_eq!(parse(&["-port"]), Err(Error::NoValue("port")));
        for port in ["0", "65536", "x", ""] {
            let args = parse(&["-port", port, "-packageUUID", "u", "-registerEvent", "e"]);
            assert_eq!(args, Err(Error::Port(port.into())));
        }
        assert_eq!(parse(&["-port", "1", "-packageUUID", "u"]), Err(Error::Missing("registerEvent")));
    }
}
