//! Files of packages for the browser: the property views and settings pages that are open, and the pages that are packages
//! themselves, each on its package's own origin (`origins`), and, on the package socket's, the pictures that the page shows.
//! All of them are on one port: the host name says whose page it is.
//!
//! A view is reached by a name that nobody can guess, and sees its own package's files only. Its page gets two scripts before
//! all others: one calls the page's `connectCreatorCentral` when it has loaded, as Creator Central does; the other brings what
//! the page writes to its console, and what fails in it, to the log.

use std::path::{Path, PathBuf};

use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use host_sdk::manifest;
use host_sdk::picture::Kind;
use serde_json::Value;
use url::Origin;

use crate::guard::Site;
use crate::hub::{Handle, OutputLine};
use crate::log;
use crate::origins;
use crate::traffic::masked_start;

/// The policy of a package's picture: an SVG that is opened in a tab of its own is a page, which mustn't run scripts.
pub const PICTURE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

/// What the views need.
#[derive(Clone, Debug)]
pub struct Views {
    /// The hub.
    pub hub: Handle,
    /// Port of the package socket.
    pub port: u16,
    /// Port of the deck's page, which shows the views.
    pub page_port: u16,
    /// What property views may also reach, besides the web.
    pub allowed: std::sync::Arc<[Origin]>,
}

/// Serves a file of a view's package, on the origin of this package alone.
pub async fn view(
    State(views): State<Views>,
    Extension(site): Extension<Site>,
    UrlPath((id, path)): UrlPath<(String, String)>,
) -> Response {
    let name = id.clone();
    let Ok(Some(files)) = views.hub.call(move |hub| hub.view_files(&name)).await else { return not_found() };
    if site.0 != Some(origins::label(&files.package)) {
        return not_found();
    }
    let Some(mut content) = read(&files.folder, &path).await else { return not_found() };
    if path == files.entry.trim_start_matches("./") {
        insert_first(&mut content, &format!("{}{}", output(&id), call(views.port, &files.call)));
    }
    let policy = if files.is_package { web_package_policy(&views) } else { view_policy(&views) };
    respond(media_type(&path), &policy, content)
}

/// Returns the policy of a package's view, which is a property view or a settings page.
///
/// Packages are written for a host without any policy: scripts and styles in the page have to work, and they load from and
/// talk to wherever the package's service is. They can't speak plain HTTP or WebSocket with other programs on this machine
/// or in its network, and no other page than the deck's can embed them. Over TLS they can: a policy can't exclude addresses.
fn view_policy(views: &Views) -> String {
    let (port, ancestors) = (views.port, frame_ancestors(views));
    let also: String = views.allowed.iter().map(|origin| format!(" {}", origin.ascii_serialization())).collect();
    format!(
        "default-src 'self' https: data: blob: 'unsafe-inline' 'unsafe-eval'; \
         img-src 'self' data: blob: https:{also}; \
         connect-src 'self' https: wss: data: blob: ws://127.0.0.1:{port} ws://localhost:{port}{also}; \
         form-action 'self'; base-uri 'self'; {ancestors}"
    )
}

/// Returns the policy of a page that is a package, which does what a program does: it talks to its service or device.
///
/// Other programs on this machine don't take its origin for one of their own; the deck's page and API refuse it.
fn web_package_policy(views: &Views) -> String {
    let ancestors = frame_ancestors(views);
    format!("default-src * ws: wss: data: blob: 'unsafe-inline' 'unsafe-eval'; form-action 'self'; {ancestors}")
}

/// Only the deck's page may embed a package's pages.
fn frame_ancestors(views: &Views) -> String {
    format!("frame-ancestors http://127.0.0.1:{}", views.page_port)
}

/// Lines of a page's output that are taken at once: as many as its script sends.
const MOST_LINES: usize = 201;

/// Takes what a page of a package has to say, as it takes a program's output.
pub async fn output_of(
    State(views): State<Views>,
    Extension(site): Extension<Site>,
    UrlPath(page): UrlPath<String>,
    Json(mut lines): Json<Vec<OutputLine>>,
) -> StatusCode {
    let Some(label) = site.0 else { return StatusCode::NOT_FOUND };
    lines.truncate(MOST_LINES);
    lines.retain(|line| !line.line.trim().is_empty());
    // Here, where only this page waits: the last error is shown with the package, too.
    lines.iter_mut().for_each(|line| line.line = masked_start(&line.line, log::LONGEST));
    match views.hub.call(move |hub| hub.output(&label, &page, lines)).await {
        Ok(true) => StatusCode::NO_CONTENT,
        Ok(false) => StatusCode::NOT_FOUND,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Serves a picture that a package file names, as what its bytes are: browsers draw nothing that is called something else.
pub async fn picture(
    State(views): State<Views>,
    Extension(site): Extension<Site>,
    UrlPath((package, path)): UrlPath<(String, String)>,
) -> Response {
    if site.0.is_some() {
        return not_found();
    }
    let name = path.clone();
    let folder = views.hub.call(move |hub| hub.picture_folder(&package, &name)).await;
    let Ok(Some(folder)) = folder else { return not_found() };
    let Some(content) = read(&folder, &path).await else { return not_found() };
    let Some(kind) = Kind::of(&content) else { return not_found() };
    respond(kind.media_type(), PICTURE_POLICY, content)
}

/// An answer that shows the deck's page that this browser finds the host names of packages.
pub async fn probe() -> Response {
    respond(
        "image/svg+xml",
        "default-src 'none'",
        br#"<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>"#.to_vec(),
    )
}

fn respond(media_type: &str, policy: &str, content: Vec<u8>) -> Response {
    let headers: [(HeaderName, &str); 2] =
        [(header::CONTENT_TYPE, media_type), (header::CONTENT_SECURITY_POLICY, policy)];
    (headers, content).into_response()
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "There is no such file.").into_response()
}

/// Reads a file, if it is within the folder, links resolved.
async fn read(folder: &Path, path: &str) -> Option<Vec<u8>> {
    if !manifest::is_inside(path) {
        return None;
    }
    let folder = tokio::fs::canonicalize(folder).await.ok()?;
    let file = match tokio::fs::canonicalize(folder.join(path)).await {
        Ok(file) => file,
        Err(_) => tokio::fs::canonicalize(in_other_capitals(&folder, path).await?).await.ok()?,
    };
    if !file.starts_with(&folder) || !tokio::fs::metadata(&file).await.ok()?.is_file() {
        return None;
    }
    tokio::fs::read(file).await.ok()
}

/// The script that has a page's output brought to [`output_of`].
fn output(page: &str) -> String {
    let script = include_str!("views/output.js").replacen("fetch(OUTPUT", &format!("fetch(\"/output/{page}\""), 1);
    format!("<script>{script}</script>")
}

/// Inserts a script before all others of a page, and before a policy that the page has for itself: at the start of its head,
/// or, if it has none, behind what comes before.
fn insert_first(page: &mut Vec<u8>, script: &str) {
    let at = ["<head", "<html", "<!doctype"].into_iter().find_map(|tag| end_of(page, tag)).unwrap_or(0);
    page.splice(at..at, script.bytes());
}

/// Where the first tag of this name ends. Those in comments are none.
fn end_of(page: &[u8], tag: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        at += page.get(at..)?.iter().position(|byte| *byte == b'<')?;
        let rest = &page[at..];
        let name = rest.get(..tag.len()).is_some_and(|name| name.eq_ignore_ascii_case(tag.as_bytes()));
        if name && rest.get(tag.len()).is_some_and(|next| next.is_ascii_whitespace() || *next == b'>') {
            return rest.iter().position(|byte| *byte == b'>').map(|length| at + length + 1);
        }
        at += match rest.strip_prefix(b"<!--") {
            Some(comment) => comment.windows(3).position(|part| part == b"-->")? + 7,
            None => 1,
        };
    }
}

/// A file that is named with other capitals than it has. Packages come from systems that don't tell them apart.
async fn in_other_capitals(folder: &Path, path: &str) -> Option<PathBuf> {
    let mut found = folder.to_owned();
    for part in path.split('/').filter(|part| *part != ".") {
        let mut entries = tokio::fs::read_dir(&found).await.ok()?;
        found = loop {
            let entry = entries.next_entry().await.ok()??;
            if entry.file_name().to_str().is_some_and(|name| name.to_lowercase() == part.to_lowercase()) {
                break entry.path();
            }
        };
    }
    Some(found)
}

/// The script that calls the page's `connectCreatorCentral`.
fn call(port: u16, arguments: &[Value]) -> String {
    let arguments = Value::from_iter([Value::from(port)].into_iter().chain(arguments.iter().cloned())).to_string();
    // Plain ASCII without `<`: whatever the settings hold can't end the script, nor does the page's encoding matter.
    let mut script = format!("<script>({})(() => connectCreatorCentral(...", include_str!("views/call.js").trim_end());
    for unit in arguments.encode_utf16() {
        match u8::try_from(unit).ok().filter(|byte| byte.is_ascii() && *byte != b'<') {
            Some(byte) => script.push(char::from(byte)),
            None => script.push_str(&format!("\\u{unit:04x}")),
        }
    }
    script.push_str("));</script>");
    script
}

/// The media type of a file, by its name.
#[must_use]
pub fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().as_str() {
        "html" | "htm" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "woff" => "font/woff",
        "ttf" => "font/ttf",
        "otf" => "font/otf",
        "txt" | "md" => "text/plain; charset=utf-8",
        "mp3" => "audio/mpeg",
        "mp4" => "video/mp4",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_cant_leave_the_script_of_the_call() {
        let arguments = [json!("view"), json!("reg"), json!({}), json!({"x": "</script>\u{2028}\u{1f3b5}"})];
        let text = call(7, &arguments);
        assert!(text.starts_with("<script>(") && text.ends_with("));</script>"), "{text}");
        assert!(text.contains(r#"(...[7,"view","reg",{"#), "{text}");
        assert_eq!(text.matches("</script>").count(), 1, "{text}");
        assert!(text.contains(r#"{"x":"\u003c/script>\u2028\ud83c\udfb5"}"#), "{text}");
    }

    #[test]
    fn inserted_script_comes_first_and_leaves_the_page_what_it_is() {
        for (page, wanted) in [
            (
                "<!DOCTYPE html><html lang=\"a\"><HEAD class='b'><script>",
                "<!DOCTYPE html><html lang=\"a\"><HEAD class='b'>|<script>",
            ),
            ("<!doctype html>\n<script>", "<!doctype html>|\n<script>"),
            ("<html><header><head>", "<html><header><head>|"),
            ("<html><body>", "<html>|<body>"),
            ("<script>", "|<script>"),
            ("<!-- <head> --><html><!-- --><head>", "<!-- <head> --><html><!-- --><head>|"),
            ("<!-- <head>", "|<!-- <head>"),
            ("\u{fc}<p>", "|\u{fc}<p>"),
            ("<head", "|<head"),
        ] {
            let mut changed = page.as_bytes().to_vec();
            insert_first(&mut changed, "|");
            assert_eq!(String::from_utf8(changed).unwrap(), wanted);
        }
        assert!(output("name").contains("fetch(\"/output/name\", {"));
    }

    #[tokio::test]
    async fn nothing_outside_the_folder_is_read() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("package");
        std::fs::create_dir_all(folder.join("sub")).unwrap();
        std::fs::write(root.path().join("secret"), "s").unwrap();
        std::fs::write(folder.join("sub/page.html"), "p").unwrap();
        for path in ["sub/page.html", "./sub/page.html", "SUB/Page.HTML"] {
            assert_eq!(read(&folder, path).await.as_deref(), Some(&b"p"[..]), "{path}");
        }
        let secret = root.path().join("secret");
        for bad in [
            "../secret",
            "sub/../../secret",
            secret.to_str().unwrap(),
            "sub",
            "",
            "sub//page.html",
            "..\\secret",
            "none",
        ] {
            assert_eq!(read(&folder, bad).await, None, "{bad}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(root.path().join("secret"), folder.join("link")).unwrap();
            for link in ["link", "LINK"] {
                assert_eq!(read(&folder, link).await, None, "a link out of the folder");
            }
        }
    }
}
