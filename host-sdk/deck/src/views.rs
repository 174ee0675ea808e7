//! Files of packages for the browser: open property views and settings pages, and pages that are packages, each on its
//! package's own origin (`origins`); and the pictures that the deck's page shows, on the origin of the package socket.
//! All of them share one port: the host name tells whose page it is.
//!
//! A view is reached by an unguessable id and sees only the files of its own package. Two scripts are inserted before
//! all others: one calls the page's `connectCreatorCentral` once it has loaded, as Creator Central does; the other
//! sends the page's console output and uncaught errors to the log.

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

/// State of the routes for packages' files.
#[derive(Clone, Debug)]
pub struct Views {
    /// The hub.
    pub hub: Handle,
    /// Port of the package socket.
    pub port: u16,
    /// Port of the deck's page, which shows the views.
    pub page_port: u16,
    /// Origins that property views may reach besides the web.
    pub allowed: std::sync::Arc<[Origin]>,
}

/// Serves a file of a view's package, on that package's origin only.
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
        insert_first(&mut content, &format!("{}{}", output_script(&id), call_script(views.port, &files.call)));
    }
    let policy = if files.is_package { web_package_policy(&views) } else { view_policy(&views) };
    respond(media_type(&path), &policy, content)
}

/// Returns the policy of a package's view, which is a property view or a settings page.
///
/// Packages are written for a host without any policy: scripts and styles in the page have to work, and they load from
/// and talk to wherever the package's service is. They can't use plain HTTP or WebSocket with other programs on this
/// machine or in its network. Over TLS they can: a policy can't exclude addresses.
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
/// Other programs on this machine don't accept its origin as one of their own, and the deck's page and API refuse it.
fn web_package_policy(views: &Views) -> String {
    let ancestors = frame_ancestors(views);
    format!("default-src * ws: wss: data: blob: 'unsafe-inline' 'unsafe-eval'; form-action 'self'; {ancestors}")
}

/// Only the deck's page may embed a package's pages.
fn frame_ancestors(views: &Views) -> String {
    format!("frame-ancestors http://127.0.0.1:{}", views.page_port)
}

/// Lines of a page's output that are accepted at once: as many as the script sends.
const MAX_LINES: usize = 201;

/// Logs the output of a package's page, like a program's output.
pub async fn receive_output(
    State(views): State<Views>,
    Extension(site): Extension<Site>,
    UrlPath(page): UrlPath<String>,
    Json(mut lines): Json<Vec<OutputLine>>,
) -> StatusCode {
    let Some(label) = site.0 else { return StatusCode::NOT_FOUND };
    lines.truncate(MAX_LINES);
    lines.retain(|line| !line.line.trim().is_empty());
    // Masked here, where only this page waits, because the last error is also shown with the package.
    lines.iter_mut().for_each(|line| line.line = masked_start(&line.line, log::MAX_LEN));
    match views.hub.call(move |hub| hub.output(&label, &page, lines)).await {
        Ok(true) => StatusCode::NO_CONTENT,
        Ok(false) => StatusCode::NOT_FOUND,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// Serves a picture that a package file names, with the media type of its content: browsers don't draw pictures with a
/// wrong one.
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

/// Answers the deck's page, which probes whether this browser resolves the host names of packages.
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

/// Reads a file if it is within the folder after links are resolved.
async fn read(folder: &Path, path: &str) -> Option<Vec<u8>> {
    if !manifest::is_inside(path) {
        return None;
    }
    let folder = tokio::fs::canonicalize(folder).await.ok()?;
    let file = match tokio::fs::canonicalize(folder.join(path)).await {
        Ok(file) => file,
        Err(_) => tokio::fs::canonicalize(find_ignoring_case(&folder, path).await?).await.ok()?,
    };
    if !file.starts_with(&folder) || !tokio::fs::metadata(&file).await.ok()?.is_file() {
        return None;
    }
    tokio::fs::read(file).await.ok()
}

/// Returns the script that sends a page's output to [`receive_output`].
fn output_script(page: &str) -> String {
    let script = include_str!("views/output.js").replacen("fetch(OUTPUT", &format!("fetch(\"/output/{page}\""), 1);
    format!("<script>{script}</script>")
}

/// Inserts a script before all others of a page and before the page's own policy: at the start of its head, or, without
/// a head, after what precedes it.
fn insert_first(page: &mut Vec<u8>, script: &str) {
    let at = ["<head", "<html", "<!doctype"].into_iter().find_map(|tag| end_of(page, tag)).unwrap_or(0);
    page.splice(at..at, script.bytes());
}

/// Returns where the first tag of this name ends. Skips comments.
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

/// Finds a file whose name differs in case: packages come from systems that ignore it.
async fn find_ignoring_case(folder: &Path, path: &str) -> Option<PathBuf> {
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

/// Returns the script that calls the page's `connectCreatorCentral`.
fn call_script(port: u16, arguments: &[Value]) -> String {
    let arguments = Value::from_iter([Value::from(port)].into_iter().chain(arguments.iter().cloned())).to_string();
    // Plain ASCII without `<`: nothing in the settings can end the script, and the page's encoding doesn't matter.
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

/// Returns the media type of a file by its extension.
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
    fn settings_cannot_escape_the_inserted_script() {
        let arguments = [json!("view"), json!("reg"), json!({}), json!({"x": "</script>\u{2028}\u{1f3b5}"})];
        let text = call_script(7, &arguments);
        assert!(text.starts_with("<script>(") && text.ends_with("));</script>"), "{text}");
        assert!(text.contains(r#"(...[7,"view","reg",{"#), "{text}");
        assert_eq!(text.matches("</script>").count(), 1, "{text}");
        assert!(text.contains(r#"{"x":"\u003c/script>\u2028\ud83c\udfb5"}"#), "{text}");
    }

    #[test]
    fn script_is_inserted_before_all_others() {
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
        assert!(output_script("name").contains("fetch(\"/output/name\", {"));
    }

    #[tokio::test]
    async fn files_outside_the_folder_are_not_read() {
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
