#![doc = include_str!("../README.md")]
//!
//! A build without a resource compiler (`windres` of mingw, `rc.exe` of the Windows SDK, `llvm-rc`) succeeds with a
//! warning. What it makes works, except for paths of more than 260 characters, and has no icon; the makers of a release
//! have to check that the resources are there.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What the resources are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A program: gets the icon and the application manifest too.
    Program,
    /// A library: gets the version alone.
    Library,
}

/// The application manifest of our programs.
///
/// `longPathAware` takes effect where the user or administrator has switched long paths on in Windows 10 1607 or later;
/// `activeCodePage` from Windows 10 1903 on. The GUID of `supportedOS` is the one of Windows 10 and 11.
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

/// What Windows shows of a program or library.
#[derive(Clone, Debug)]
pub struct Resources<'a> {
    /// What it is for.
    pub kind: Kind,
    /// The name that Task Manager shows. ASCII, without quotes.
    pub description: &'a str,
    /// What it belongs to. ASCII, without quotes.
    pub product: &'a str,
    /// Its file's name: `package-runner.exe`.
    pub file_name: &'a str,
    /// The icon of a program, an .ico file relative to the crate's folder.
    pub icon: Option<&'a str>,
}

impl Resources<'_> {
    /// Puts the resources into what the calling build script builds.
    ///
    /// # Errors
    /// If cargo's environment is missing, a file can't be written, or the resource compiler is there but fails. That it
    /// isn't there is a warning of the build.
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
        // "Optional": an error only where the compiler was there and failed.
        result.manifest_optional()?;
        Ok(())
    }

    /// The text for the resource compiler.
    fn script(&self, version: &str, icon: Option<&Path>, manifest: &Path) -> String {
        // Backslashes would be escapes; every resource compiler takes slashes.
        let quoted = |path: &Path| path.to_string_lossy().replace('\\', "/");
        let mut script = "#pragma code_page(65001)\n".to_owned();
        let mut line = |text: std::fmt::Arguments<'_>| {
            let _ = writeln!(script, "{text}");
        };
        if let Some(icon) = icon {
            line(format_args!("1 ICON \"{}\"", quoted(icon)));
        }
        // Numbers instead of names from windows.h, which not every compiler has at hand: 24 is RT_MANIFEST; below,
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

/// The four numbers that Windows wants, of a version like `1.2.3` or `1.2.3-beta.1`.
fn numbers(version: &str) -> [u16; 4] {
    let release = version.split(['-', '+']).next().unwrap_or_default();
    let mut parts = release.split('.').map(|part| part.parse().unwrap_or(0));
    std::array::from_fn(|_| parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_become_four_numbers() {
        assert_eq!(numbers("1.2.3"), [1, 2, 3, 0]);
        assert_eq!(numbers("1.2.3-beta.4+build"), [1, 2, 3, 0]);
        assert_eq!(numbers("1.99999"), [1, 0, 0, 0]);
    }

    #[test]
    fn a_program_has_icon_manifest_and_version_and_a_library_the_version() {
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
