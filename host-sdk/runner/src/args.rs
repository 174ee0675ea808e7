//! Parses the command line with which hosts start a package: single dashes, values as separate arguments.
//!
//! See [Registration Flow](https://github.com/AVerMedia-Technologies-Inc/CreatorCentralSDK/wiki/Registration-Flow).

use std::ffi::OsString;

use host_sdk::protocol::StartArgs;

const USAGE: &str =
    "usage: package-runner -port P -packageUUID U -registerEvent E -info JSON (a host starts this program)";

/// Why the command line can't be parsed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A required flag is missing.
    #[error("-{0} is missing; {USAGE}")]
    Missing(&'static str),
    /// The last argument is a flag without a value.
    #[error("-{0} has no value; {USAGE}")]
    NoValue(&'static str),
    /// A value isn't Unicode.
    #[error("the value of -{0} is not Unicode; {USAGE}")]
    NotUnicode(&'static str),
    /// The port isn't a number from 1 to 65535.
    #[error("-port takes a number from 1 to 65535, not {0:?}; {USAGE}")]
    Port(String),
}

const FLAGS: [&str; 4] = ["port", "packageUUID", "registerEvent", "info"];

/// Parses the flags in any order, with one or two dashes. Unknown flags are skipped.
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
        // Some samples omit it, and every member has a default.
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
    fn parses_the_arguments_of_a_host() {
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
    fn parses_any_order_two_dashes_and_unknown_flags() {
        let args =
            parse(&["--registerEvent", "reg", "-new", "x", "stray", "-packageUUID", "com.x", "--port", "1"]).unwrap();
        assert_eq!((args.port, args.info.as_str()), (1, "{}"));
    }

    #[test]
    fn errors_name_the_flag() {
        assert_eq!(parse(&[]), Err(Error::Missing("port")));
        assert_eq!(parse(&["-port"]), Err(Error::NoValue("port")));
        for port in ["0", "65536", "x", ""] {
            let args = parse(&["-port", port, "-packageUUID", "u", "-registerEvent", "e"]);
            assert_eq!(args, Err(Error::Port(port.into())));
        }
        assert_eq!(parse(&["-port", "1", "-packageUUID", "u"]), Err(Error::Missing("registerEvent")));
    }
}
