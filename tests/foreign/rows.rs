//! The table: what a package or its page sends, and what comes of it. In frames, `$c` is the key's context, `$w` its
//! widget, `$p` the package's UUID and `$v` the property view's.

use acceptance::until;
use serde_json::{Value, json};

use super::Bench;

const PNG: &str = "data:image/png;base64,iVBORw0KGgo=";
const JPEG: &str = "data:image/jpeg;base64,/9j/2Q==";
const GIF: &str = "data:image/gif;base64,R0lGODlhAQABAAAAACw=";
const SVG: &str = "data:image/svg+xml;base64,PHN2Zy8+";

/// Who sends, and how.
#[derive(Clone, Copy, Debug)]
pub enum By {
    /// The package, as text.
    Package,
    /// The package, as text in three fragments with a ping between them.
    InParts,
    /// The package, as binary.
    InBinary,
    /// The property view.
    Page,
}

/// What comes of it.
#[derive(Debug)]
pub enum Then {
    /// The key has these members.
    Shows(Value),
    /// The package is told this.
    Tells(Value),
    /// The page is told this.
    TellsPage(Value),
    /// Both are.
    TellsBoth(Value),
    /// The key stays as it is, and the log has a line with these words.
    Logs(&'static str),
}

/// A row.
#[derive(Debug)]
pub struct Row {
    by: By,
    frame: String,
    then: Then,
}

fn row(by: By, frame: &Value, then: Then) -> Row {
    Row { by, frame: frame.to_string(), then }
}

/// A message of the package about its key.
fn key(event: &str, payload: Value, then: Then) -> Row {
    row(By::Package, &json!({"event": event, "widget": "$w", "context": "$c", "payload": payload}), then)
}

/// What the host sends about the key.
fn told(event: &str, payload: &Value) -> Value {
    json!({"event": event, "widget": "$w", "context": "$c", "payload": payload})
}

fn settings(payload: &Value) -> Value {
    told("didReceiveWidgetSettings", payload)
}

/// Settings whose only member is called as documents call the one around them.
fn as_payload(payload: &Value) -> Value {
    let mut message = settings(payload);
    message["settingsAsPayload"] = true.into();
    message
}

fn package_settings(payload: &Value) -> Value {
    json!({"event": "didReceivePackageSettings", "payload": payload})
}

fn ask(event: &str, then: Value) -> Row {
    row(By::Package, &json!({"event": event, "context": "$c"}), Then::Tells(then))
}

fn titles(titles: &Value) -> Row {
    ask("getWidgetTitle", told("didReceiveWidgetTitle", titles))
}

fn icons(icons: &Value) -> Row {
    ask("getWidgetIcon", told("didReceiveWidgetIcon", icons))
}

/// Every row, in the order in which they are tried: each finds what the ones before have left.
pub fn rows() -> Vec<Row> {
    [appearance(), fonts(), stored(), said(), pages()].into_iter().flatten().collect()
}

fn appearance() -> Vec<Row> {
    use Then::{Logs, Shows};
    let title = |payload: Value, seen: &str| key("changeTitle", payload, Shows(json!({"title": seen})));
    let image = |image: &str, seen: &str| key("changeImage", json!({"image": image}), Shows(json!({"image": seen})));
    let raw = |by: By, frame: &str, then: Then| Row { by, frame: frame.to_owned(), then };
    vec![
        title(json!({"title": "one", "state": 0}), "one"),
        title(json!({"title": "all"}), "all"),
        titles(&json!(["all", "all"])),
        title(json!({"title": 5, "state": "0"}), "5"),
        key("changeTitle", json!({"title": "two", "state": 1.0}), Shows(json!({"title": "5"}))),
        titles(&json!(["5", "two"])),
        title(json!({"title": "more", "state": 0, "unknown": {"deep": [1]}}), "more"),
        key("changeTitle", json!({"title": "x", "state": 9}), Logs("has no state 9")),
        raw(
            By::Package,
            "\u{feff}{\"event\":\"changeTitle\",\"context\":\"$c\",\"payload\":{\"title\":\"marked\"}}",
            Shows(json!({"title": "marked"})),
        ),
        raw(
            By::Package,
            r#"{"event":"changeTitle","context":"$c","payload":{"title":"half \ud83c"}}"#,
            Shows(json!({"title": "half \u{fffd}"})),
        ),
        raw(
            By::InParts,
            "{\"event\":\"changeTitle\",\"context\":\"$c\",\"payload\":{\"title\":\"音楽音楽音楽 \u{1f3a7}\u{1f3a7}\"}}",
            Shows(json!({"title": "音楽音楽音楽 \u{1f3a7}\u{1f3a7}"})),
        ),
        raw(
            By::InBinary,
            r#"{"event":"changeTitle","context":"$c","payload":{"title":"binary"}}"#,
            Logs("in a binary frame"),
        ),
        raw(By::Package, r#"{"event":"changeTitle","context":"$c","payload":{"title":"#, Logs("not a message")),
        key("changeTitle", Value::Null, Shows(json!({"title": null}))),
        row(
            By::Package,
            &json!({"event": "changeTitle", "context": "$p", "payload": {"title": "x"}}),
            Logs("without the key's context"),
        ),
        image(PNG, PNG),
        image(JPEG, JPEG),
        image(GIF, GIF),
        image(SVG, SVG),
        image("data:image/svg+xml;utf8,<svg fill='#fff'/>", "data:image/svg+xml;utf8,<svg fill='%23fff'/>"),
        image("data:image/svg+xml,%3Csvg/%3E", "data:image/svg+xml,%3Csvg/%3E"),
        image("data:image/svg+xml;charset=utf-8,<svg/>", "data:image/svg+xml;charset=utf-8,<svg/>"),
        image("DATA:IMAGE/JPG;BASE64,iVBORw0KGgo=", PNG),
        // As the vendor's C++ sample sends it, and as other programs write base64.
        image("iVBORw0KGgo=", PNG),
        image("R0lGODlh\nAQABAAAA\nACw=", GIF),
        image("image/svg;base64,PHN2Zy8-", SVG),
        image("<svg/>", SVG),
        image("Qk0aAAAAAAAAABoAAAAMAAAA", "data:image/bmp;base64,Qk0aAAAAAAAAABoAAAAMAAAA"),
        image("UklGRgQAAABXRUJQ", "data:image/webp;base64,UklGRgQAAABXRUJQ"),
        key(
            "changeImage",
            json!({"image": GIF, "state": 1}),
            Shows(json!({"image": "data:image/webp;base64,UklGRgQAAABXRUJQ"})),
        ),
        icons(&json!(["icon.svg", "on.svg"])),
        key("changeImage", json!({"image": PNG, "state": 2}), Logs("has no state 2")),
        key("changeImage", json!({"image": "https://example.com/a.png"}), Logs("changeImage takes a PNG")),
        key("changeImage", json!({"image": "data:image/png;base64,AA=="}), Logs("changeImage takes a PNG")),
        key(
            "changeImage",
            json!({"description": "the widget's own"}),
            Shows(json!({"description": "the widget's own", "image": null})),
        ),
        // The picture of a state, under the title.
        key("changeIcon", json!({"image": "iVBORw0KGgo=", "state": 0}), Shows(json!({"icon": PNG, "image": null}))),
        key("changeIcon", json!({"image": GIF, "state": 1}), Shows(json!({"icon": PNG}))),
        icons(&json!([PNG, GIF])),
        key("changeIcon", json!({"image": JPEG}), Shows(json!({"icon": JPEG}))),
        key("changeIcon", json!({"image": PNG, "state": 2}), Logs("has no state 2")),
        key("changeIcon", json!({"image": "on.svg"}), Logs("changeIcon takes a PNG")),
        key("changeIcon", json!({"state": 1}), Shows(json!({"icon": JPEG}))),
        icons(&json!([JPEG, "on.svg"])),
        key("changeState", json!({"state": 1}), Shows(json!({"state": 1}))),
        key("changeState", json!({"state": "0"}), Shows(json!({"state": 0}))),
        key("changeState", json!({"state": 1.0}), Shows(json!({"state": 1}))),
        key("changeState", json!({"state": 7}), Logs("has no state 7")),
        key("changeState", json!({}), Logs("changeState, because its payload")),
        key("changeState", json!({"state": 0}), Shows(json!({"state": 0}))),
        key("changeActionEffect", json!({"type": "press"}), Shows(json!({"effect": "press", "effectImage": null}))),
        key(
            "changeActionEffect",
            json!({"type": "invalid", "image": "iVBORw0KGgo="}),
            Shows(json!({"effect": "invalid", "effectImage": PNG})),
        ),
        // Reserved: no fault, and nothing to see.
        key("changeActionEffect", json!({"type": "inactive"}), Shows(json!({"effect": "invalid", "effectImage": PNG}))),
        key("changeActionEffect", json!({"type": "shaken"}), Logs("changeActionEffect, because its payload")),
        key(
            "changeActionEffect",
            json!({"type": "press", "image": "none.png"}),
            Shows(json!({"effect": "press", "effectImage": null})),
        ),
        key("changeActionEffect", json!({"type": "clear"}), Shows(json!({"effect": "clear", "effectImage": null}))),
    ]
}

fn fonts() -> Vec<Row> {
    let font = |payload: Value, seen: Value| key("changeFontAttribute", payload, Then::Shows(json!({"font": seen})));
    let whole = json!({
        "family": "Georgia", "size": 13, "color": "#ff8000", "hAlignment": "left", "bold": true, "italic": true,
        "underLine": true,
    });
    let with = |changes: &[(&str, Value)]| {
        let mut font = whole.clone();
        changes.iter().for_each(|(name, value)| font[*name] = value.clone());
        font
    };
    let last = with(&[("size", json!(9)), ("hAlignment", json!("right")), ("bold", json!(false))]);
    vec![
        font(whole.clone(), whole.clone()),
        font(json!({"size": 99}), with(&[("size", json!(18))])),
        font(json!({"size": 1}), with(&[("size", json!(6))])),
        font(
            json!({"bold": false, "size": "9", "color": "reddish"}),
            with(&[("size", json!(9)), ("bold", json!(false))]),
        ),
        font(json!({"hAlignment": "Right", "size": [], "family": null}), last.clone()),
        ask("getFontAttribute", told("didReceiveFontAttribute", &last)),
    ]
}

fn stored() -> Vec<Row> {
    use Then::{Logs, Tells, TellsBoth};
    let set = |event: &str, payload: Value, then| row(By::Package, &json!({"event": event, "payload": payload}), then);
    let own = |payload: Value, seen: &Value| key("setWidgetSettings", payload, TellsBoth(settings(seen)));
    vec![
        own(json!({"n": 1, "deep": {"x": [null]}}), &json!({"n": 1, "deep": {"x": [null]}})),
        // Nothing of it is lost on the way, and whoever reads it is told that the member isn't the host's.
        key("setWidgetSettings", json!({"settings": {"n": 2}}), TellsBoth(as_payload(&json!({"settings": {"n": 2}})))),
        own(json!({}), &json!({})),
        own(json!({"settings": {"a": 1}, "n": 3}), &json!({"settings": {"a": 1}, "n": 3})),
        key("setWidgetSettings", Value::Null, Logs("setWidgetSettings, because its payload")),
        ask("getWidgetSettings", settings(&json!({"settings": {"a": 1}, "n": 3}))),
        row(
            By::Package,
            &json!({"event": "setPackageSettings", "context": "$p", "payload": {"settings": {"m": 1}}}),
            TellsBoth(package_settings(&json!({"m": 1}))),
        ),
        set("setPackageSettings", json!({"m": 2}), TellsBoth(package_settings(&json!({"m": 2})))),
        set("setPackageSettings", json!("lost"), Logs("setPackageSettings, because its payload")),
        row(
            By::Package,
            &json!({"event": "getPackageSettings", "context": "$p"}),
            Tells(package_settings(&json!({"m": 2}))),
        ),
        row(By::Package, &json!({"event": "getPackageSettings"}), Tells(package_settings(&json!({"m": 2})))),
    ]
}

fn said() -> Vec<Row> {
    use Then::{Logs, TellsPage};
    let set = |event: &str, payload: Value, then| row(By::Package, &json!({"event": event, "payload": payload}), then);
    let to_page = |context: &str, n: u32| {
        let message = json!({"event": "sendToPropertyView", "widget": "$w", "context": context, "payload": {"n": n}});
        row(By::Package, &message, TellsPage(told("sendToPropertyView", &json!({"n": n}))))
    };
    vec![
        set("sendLog", json!({"message": "from $p itself"}), Logs("from $p itself")),
        set(
            "openUrl",
            json!({"url": "https://example.com/$p?code=x"}),
            Logs("The package opens https://example.com/$p"),
        ),
        set("openUrl", json!({"url": "file:///etc/passwd"}), Logs("openUrl takes an address that starts with http")),
        to_page("$c", 1),
        to_page("$v", 2),
        to_page("$p", 3),
        to_page("", 4),
        set("fromTheFuture", json!([1]), Logs("\"fromTheFuture\", an event that isn't known here")),
        set("sendToPackage", json!({}), Logs("sendToPackage is for property views")),
    ]
}

fn pages() -> Vec<Row> {
    use Then::{Logs, Tells, TellsBoth, TellsPage};
    let page = |event: &str, context: &str, payload: Value, then| {
        row(By::Page, &json!({"event": event, "widget": "$w", "context": context, "payload": payload}), then)
    };
    let mut rows = Vec::new();
    // Pages in the wild put three different ids there.
    for (n, context) in ["$c", "$v", "$p"].into_iter().enumerate() {
        let payload = json!({"page": n});
        rows.push(page("setWidgetSettings", context, payload.clone(), TellsBoth(settings(&payload))));
        rows.push(page("sendToPackage", context, payload.clone(), Tells(told("sendToPackage", &payload))));
        rows.push(page("getWidgetSettings", context, Value::Null, TellsPage(settings(&payload))));
    }
    rows.extend([
        page("setPackageSettings", "$p", json!({"settings": {"m": 3}}), TellsBoth(package_settings(&json!({"m": 3})))),
        page("getPackageSettings", "$p", Value::Null, TellsPage(package_settings(&json!({"m": 3})))),
        page("sendLog", "$v", json!({"message": "from the page of $p"}), Logs("from the page of $p")),
        page("openUrl", "$v", json!({"url": "http://example.com/page/$p"}), Logs("opens http://example.com/page/$p")),
        page("changeTitle", "$c", json!({"title": "x"}), Logs("a page sent what only its package can send")),
    ]);
    rows
}

/// Tries a row.
pub async fn check(bench: &mut Bench<'_>, row: &Row) {
    let deck = bench.deck;
    let mark = deck.last_message().await;
    let before = deck.instance(&bench.key).await;
    let lines = count_of(bench, &row.then).await;
    match row.by {
        By::Package => bench.orders('t', &row.frame).await,
        By::InParts => bench.orders('f', &row.frame).await,
        By::InBinary => bench.orders('b', &row.frame).await,
        By::Page => bench.page_says(&row.frame).await,
    }
    let what = format!("{} {row:?}", bench.package);
    let filled = |message: &Value| serde_json::from_str(&bench.filled(&message.to_string())).unwrap();
    match &row.then {
        Then::Shows(members) => {
            let members: Value = filled(members);
            deck.instance_until(&bench.key, &what, |instance| {
                members
                    .as_object()
                    .unwrap()
                    .iter()
                    .all(|(name, value)| instance.get(name).unwrap_or(&Value::Null) == value)
            })
            .await;
        }
        Then::Tells(message) => bench.is_told(mark, false, &filled(message)).await,
        Then::TellsPage(message) => bench.is_told(mark, true, &filled(message)).await,
        Then::TellsBoth(message) => {
            bench.is_told(mark, false, &filled(message)).await;
            bench.is_told(mark, true, &filled(message)).await;
        }
        Then::Logs(_) => {
            until(&what, async || match count_of(bench, &row.then).await > lines {
                true => Ok(()),
                false => Err(deck.log().await.join("\n")),
            })
            .await;
            assert_eq!(deck.instance(&bench.key).await, before, "{what}");
        }
    }
}

/// How many lines of the package's log have the words of a row.
async fn count_of(bench: &Bench<'_>, then: &Then) -> usize {
    let Then::Logs(words) = then else { return 0 };
    let words = bench.filled(words);
    let log = bench.deck.get("log").await;
    let entries = log["entries"].as_array().unwrap();
    entries
        .iter()
        .filter(|entry| entry["package"] == bench.package.as_str())
        .filter(|entry| entry["message"].as_str().unwrap().contains(&words))
        .count()
}
