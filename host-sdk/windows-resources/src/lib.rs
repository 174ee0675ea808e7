#![doc = include_str!("../README.md")]
//!
//! A build without a resource compiler (`windres` of mingw, `rc.exe` of the Windows SDK, or `llvm-rc`) succeeds with a warning.
//! The program then has no icon and can't use paths of more than 260 characters, so check before a release that the resources are
//! there.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The kind of file that gets the resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A program, which also gets the icon and the application manifest.
    Program,
    /// A library, which gets only the version.
    Library,
}

/// The application manifest of programs.
///
/// `longPathAware` has an effect in Windows 10 1607 or later, if long paths are enabled there; `activeCodePage` in Windows 10 1903
/// or later. The GUID of `supportedOS` is that of Windows 10 and 11.
///
/// Source: <https://learn.microsoft.com/windows/win32/sbscs/application-manifests>
pub const MANIFEST: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<assembly xmlns="urn:schemas-microsoft-com:asm.v1" manifestVersion="1.0">
  <trustInfo xmlns="urn:schemas-microsoft-com:asm.v3">
    <security>
      <requestedPrivileges>
        <requestedExecutionLevel level="asInvoker" uiAccess="false"/>
      </requestedPrivileges>
    </security>
  </trustInfo>
  <compatibility xmlns="urn:schemas-microsoft-com:compatibility.v1">
    <application>
      <supportedOS Id="{8e0f7a12-bfb3-4fe8-b9a5-48fd50a15a9a}"/>
    </application>
  </compatibility>
  <application xmlns="urn:schemas-microsoft-com:asm.v3">
    <windowsSettings>
      <longPathAware xmlns="http://schemas.microsoft.com/SMI/2016/WindowsSettings">true</longPathAware>
      <activeCodePage xmlns="http://schemas.microsoft.com/SMI/2019/WindowsSettings">UTF-8</activeCodePage>
    </windowsSettings>
  </application>
</assembly>
"#;

/// The properties that Windows shows of a program or library.
#[derive(Clone, Debug)]
pub struct Resources<'a> {
    /// The kind of file.
    pub kind: Kind,
    /// The name that Task Manager shows. ASCII without quotes.
    pub description: &'a str,
    /// The product that it belongs to. ASCII without quotes.
    pub product: &'a str,
    /// The file name, such as `package-runner.exe`.
    pub file_name: &'a str,
    /// The path of the program's icon, an .ico file, relative to the crate's folder.
    pub icon: Option<&'a str>,
}

impl Resources<'_> {
    /// Embeds the resources in the program or library that the calling build script belongs to. Prints a warning if there is no
    /// resource compiler.
    ///
    /// # Errors
    /// If cargo's environment variables are missing, a file can't be written, or the resource compiler fails.
    pub fn embed(&self) -> Result<(), Box<dyn Error>> {
        println!("cargo:rerun-if-changed=build.rs");
        if env::var("CARGO_CFG_TARGET_OS")? != "windows" {
            return Ok(());
        }
        let out = PathBuf::from(env::var("OUT_DIR")?);
        let icon = self.icon.map(|icon| Ok::<_, env::VarError>(Path::new(&env::var("CARGO_MANIFEST_DIR")?).join(icon)));
        let icon = icon.transpose()?;
        if let Some(icon) = &icon {
            println!("cargo:rerun-if-changed={}", icon.display());
        }
        let manifest = out.join("application.manifest");
        fs::write(&manifest, MANIFEST)?;
        let script = out.join("resources.rc");
        fs::write(&script, self.script(&env::var("CARGO_PKG_VERSION")?, icon.as_deref(), &manifest))?;
        let result = match self.kind {
            Kind::Program => embed_resource::compile(&script, embed_resource::NONE),
            Kind::Library => embed_resource::compile_for_cdylib(&script, embed_resource::NONE),
        };
        // Without a resource compiler this is not an error.
        result.manifest_optional()?;
        Ok(())
    }

    /// Returns the script for the resource compiler.
    fn script(&self, version: &str, icon: Option<&Path>, manifest: &Path) -> String {
        // Backslashes would be escapes, and every resource compiler accepts slashes.
        let quoted = |path: &Path| path.to_string_lossy().replace('\\', "/");
        let mut script = "#pragma code_page(65001)\n".to_owned();
        let mut line = |text: std::fmt::Arguments<'_>| {
            let _ = writeln!(script, "{text}");
        };
        if let Some(icon) = icon {
            line(format_args!("1 ICON \"{}\"", quoted(icon)));
        }
        // Numbers instead of the names in windows.h, which not every compiler can find: 24 is RT_MANIFEST. Below,
        // 0x40004 is VOS_NT_WINDOWS32, 1 VFT_APP, 2 VFT_DLL, 0x409 US English, 1200 UTF-16.
        let kind = match self.kind {
            Kind::Program => {
                line(format_args!("1 24 \"{}\"", quoted(manifest)));
                1
            }
            Kind::Library => 2,
        };
        let numbers = numbers(version).map(|number| number.to_string()).join(",");
        line(format_args!("1 VERSIONINFO\nFILEVERSION {numbers}\nPRODUCTVERSION {numbers}"));
        line(format_args!("FILEFLAGSMASK 0x3F\nFILEFLAGS 0\nFILEOS 0x40004\nFILETYPE {kind}\nFILESUBTYPE 0\nBEGIN"));
        line(format_args!("  BLOCK \"StringFileInfo\"\n  BEGIN\n    BLOCK \"040904B0\"\n    BEGIN"));
        for (name, value) in [
            ("FileDescription", self.description),
            ("FileVersion", version),
            ("InternalName", self.file_name),
            ("OriginalFilename", self.file_name),
            ("ProductName", self.product),
            ("ProductVersion", version),
        ] {
            line(format_args!("      VALUE \"{name}\", \"{value}\""));
        }
        line(format_args!("    END\n  END\n  BLOCK \"VarFileInfo\"\n  BEGIN"));
        line(format_args!("    VALUE \"Translation\", 0x409, 1200\n  END\nEND"));
        script
    }
}

/// Returns the four numbers that Windows requires for a version such as `1.2.3` or `1.2.3-beta.1`.
fn numbers(version: &str) -> [u16; 4] {
    let release = version.split(['-', '+']).next().unwrap_or_default();
    let mut parts = release.split('.').map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_release() {
        assert_eq!(numbers("1.2.3"), [1, 2, 3, 0]);
        assert_eq!(numbers("1.2.3-beta.4+build"), [1, 2, 3, 0]);
        assert_eq!(numbers("1.99999"), [1, 0, 0, 0]);
    }

    #[test]
    fn script_of_a_library_has_only_the_version() {
        let program = Resources {
            kind: Kind::Program,
            description: "Package runner",
            product: "host-sdk",
            file_name: "package-runner.exe",
            icon: Some("icon.ico"),
        };
        let script = program.script("0.1.0", Some(Path::new(r"C:\a b\icon.ico")), Path::new("out/m"));
        for part in [
            "1 ICON \"C:/a b/icon.ico\"\n",
            "1 24 \"out/m\"\n",
            "FILEVERSION 0,1,0,0\n",
            "FILETYPE 1\n",
            "VALUE \"FileDescription\", \"Package runner\"\n",
        ] {
            assert!(script.contains(part), "{part} in {script}");
        }
        let library = Resources { kind: Kind::Library, icon: None, ..program };
        let script = library.script("0.1.0", None, Path::new("out/m"));
        assert!(script.contains("FILETYPE 2\n") && !script.contains("ICON") && !script.contains("1 24"), "{script}");
    }
}
