//! The table of messages that a package or its page sends, with their effects. In frames, `$c` stands for the key's context,
//! `$w` for its widget, `$p` for the package's UUID and `$v` for the property view's.

use acceptance::wait_until;
use serde_json::{Value, json};

use super::Bench;

const PNG: &str = "data:image/png;base64,iVBORw0KGgo=";
const JPEG: &str = "data:image/jpeg;base64,/9j/2Q==";
const GIF: &str = "data:image/gif;base64,R0lGODlhAQABAAAAACw=";
const SVG: &str = "data:image/svg+xml;base64,PHN2Zy8+";

/// The sender of a frame, and its kind.
#[derive(Clone, Copy, Debug)]
pub enum Sender {
    /// The package, as text.
    Package,
    /// The package, as text in three fragments with a ping between them.
    PackageInFragments,
    /// The package, as binary.
    PackageInBinary,
    /// The property view.
    Page,
}

/// The effect of a frame.
#[derive(Debug)]
pub enum Effect {
    /// The key gets these members.
    Shows(Value),
    /// The package receives this message.
    SentToPackage(Value),
    /// The page receives this message.
    SentToPage(Value),
    /// Package and page receive this message.
    SentToBoth(Value),
    /// The key doesn't change, and the log gets a line with these words.
    Logs(&'static str),
}

/// A row of the table.
#[derive(Debug)]
pub struct Row {
    sender: Sender,
    frame: String,
    effect: Effect,
}

fn row(sender: Sender, frame: &Value, effect: Effect) -> Row {
    Row { sender, frame: frame.to_string(), effect }
}

/// Creates a row with a message of the package about its key.
fn key(event: &str, payload: Value, effect: Effect) -> Row {
    row(Sender::Package, &json!({"event": event, "widget": "$w", "context": "$c", "payload": payload}), effect)
}

/// Returns a message of the host about the key.
fn host_message(event: &str, payload: &Value) -> Value {
    json!({"event": event, "widget": "$w", "context": "$c", "payload": payload})
}

fn settings(payload: &Value) -> Value {
    host_message("didReceiveWidgetSettings", payload)
}

/// Returns settings whose only member is called `settings`, like the member that documents put around them.
fn as_payload(payload: &Value) -> Value {
    let mut message = settings(payload);
    message["settingsAsPayload"] = true.into();
    message
}

fn package_settings(payload: &Value) -> Value {
    json!({"event": "didReceivePackageSettings", "payload": payload})
}

fn ask(event: &str, answer: Value) -> Row {
    row(Sender::Package, &json!({"event": event, "context": "$c"}), Effect::SentToPackage(answer))
}

fn titles(titles: &Value) -> Row {
    ask("getWidgetTitle", host_message("didReceiveWidgetTitle", titles))
}

fn icons(icons: &Value) -> Row {
    ask("getWidgetIcon", host_message("didReceiveWidgetIcon", icons))
}

/// Returns all rows in the order in which they are checked: each depends on the state after the rows before.
pub fn rows() -> Vec<Row> {
    [appearance(), fonts(), settings_rows(), other_messages(), pages()].into_iter().flatten().collect()
}

fn appearance() -> Vec<Row> {
    use Effect::{Logs, Shows};
    let title = |payload: Value, expected: &str| key("changeTitle", payload, Shows(json!({"title": expected})));
    let image =
        |image: &str, expected: &str| key("changeImage", json!({"image": image}), Shows(json!({"image": expected})));
    let raw = |sender: Sender, frame: &str, effect: Effect| Row { sender, frame: frame.to_owned(), effect };
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
            Sender::Package,
            "\u{feff}{\"event\":\"changeTitle\",\"context\":\"$c\",\"payload\":{\"title\":\"marked\"}}",
            Shows(json!({"title": "marked"})),
        ),
        raw(
            Sender::Package,
            r#"{"event":"changeTitle","context":"$c","payload":{"title":"half \ud83c"}}"#,
            Shows(json!({"title": "half \u{fffd}"})),
        ),
        raw(
            Sender::PackageInFragments,
            "{\"event\":\"changeTitle\",\"context\":\"$c\",\"payload\":{\"title\":\"音楽音楽音楽 \u{1f3a7}\u{1f3a7}\"}}",
            Shows(json!({"title": "音楽音楽音楽 \u{1f3a7}\u{1f3a7}"})),
        ),
        raw(
            Sender::PackageInBinary,
            r#"{"event":"changeTitle","context":"$c","payload":{"title":"binary"}}"#,
            Logs("in a binary frame"),
        ),
        raw(Sender::Package, r#"{"event":"changeTitle","context":"$c","payload":{"title":"#, Logs("not a message")),
        key("changeTitle", Value::Null, Shows(json!({"title": null}))),
        row(
            Sender::Package,
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
        // Plain base64 as in the vendor's C++ sample, and as other programs write it.
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
        // The icon of a state, below the title.
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
        // Reserved: not an error, but without effect.
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
    let font =
        |payload: Value, expected: Value| key("changeFontAttribute", payload, Effect::Shows(json!({"font": expected})));
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
        ask("getFontAttribute", host_message("didReceiveFontAttribute", &last)),
    ]
}

fn settings_rows() -> Vec<Row> {
    use Effect::{Logs, SentToBoth, SentToPackage};
    let set = |event: &str, payload: Value, effect| {
        row(Sender::Package, &json!({"event": event, "payload": payload}), effect)
    };
    let own = |payload: Value, expected: &Value| key("setWidgetSettings", payload, SentToBoth(settings(expected)));
    vec![
        own(json!({"n": 1, "deep": {"x": [null]}}), &json!({"n": 1, "deep": {"x": [null]}})),
        // The settings arrive unchanged, with a mark that the member `settings` is the package's own.
        key("setWidgetSettings", json!({"settings": {"n": 2}}), SentToBoth(as_payload(&json!({"settings": {"n": 2}})))),
        own(json!({}), &json!({})),
        own(json!({"settings": {"a": 1}, "n": 3}), &json!({"settings": {"a": 1}, "n": 3})),
        key("setWidgetSettings", Value::Null, Logs("setWidgetSettings, because its payload")),
        ask("getWidgetSettings", settings(&json!({"settings": {"a": 1}, "n": 3}))),
        row(
            Sender::Package,
            &json!({"event": "setPackageSettings", "context": "$p", "payload": {"settings": {"m": 1}}}),
            SentToBoth(package_settings(&json!({"m": 1}))),
        ),
        set("setPackageSettings", json!({"m": 2}), SentToBoth(package_settings(&json!({"m": 2})))),
        set("setPackageSettings", json!("lost"), Logs("setPackageSettings, because its payload")),
        row(
            Sender::Package,
            &json!({"event": "getPackageSettings", "context": "$p"}),
            SentToPackage(package_settings(&json!({"m": 2}))),
        ),
        row(
            Sender::Package,
            &json!({"event": "getPackageSettings"}),
            SentToPackage(package_settings(&json!({"m": 2}))),
        ),
    ]
}

fn other_messages() -> Vec<Row> {
    use Effect::{Logs, SentToPage};
    let set = |event: &str, payload: Value, effect| {
        row(Sender::Package, &json!({"event": event, "payload": payload}), effect)
    };
    let to_page = |context: &str, n: u32| {
        let message = json!({"event": "sendToPropertyView", "widget": "$w", "context": context, "payload": {"n": n}});
        row(Sender::Package, &message, SentToPage(host_message("sendToPropertyView", &json!({"n": n}))))
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
    use Effect::{Logs, SentToBoth, SentToPackage, SentToPage};
    let page = |event: &str, context: &str, payload: Value, effect| {
        row(Sender::Page, &json!({"event": event, "widget": "$w", "context": context, "payload": payload}), effect)
    };
    let mut rows = Vec::new();
    // Pages in the wild use three different ids as the context.
    for (n, context) in ["$c", "$v", "$p"].into_iter().enumerate() {
        let payload = json!({"page": n});
        rows.push(page("setWidgetSettings", context, payload.clone(), SentToBoth(settings(&payload))));
        rows.push(page(
            "sendToPackage",
            context,
            payload.clone(),
            SentToPackage(host_message("sendToPackage", &payload)),
        ));
        rows.push(page("getWidgetSettings", context, Value::Null, SentToPage(settings(&payload))));
    }
    rows.extend([
        page("setPackageSettings", "$p", json!({"settings": {"m": 3}}), SentToBoth(package_settings(&json!({"m": 3})))),
        page("getPackageSettings", "$p", Value::Null, SentToPage(package_settings(&json!({"m": 3})))),
        page("sendLog", "$v", json!({"message": "from the page of $p"}), Logs("from the page of $p")),
        page("openUrl", "$v", json!({"url": "http://example.com/page/$p"}), Logs("opens http://example.com/page/$p")),
        page("changeTitle", "$c", json!({"title": "x"}), Logs("a page sent what only its package can send")),
    ]);
    rows
}

/// Checks a row.
pub async fn check(bench: &mut Bench<'_>, row: &Row) {
    let deck = bench.deck;
    let mark = deck.last_message().await;
    let before = deck.instance(&bench.key).await;
    let lines = count_log_lines(bench, &row.effect).await;
    match row.sender {
        Sender::Package => bench.order_frame('t', &row.frame).await,
        Sender::PackageInFragments => bench.order_frame('f', &row.frame).await,
        Sender::PackageInBinary => bench.order_frame('b', &row.frame).await,
        Sender::Page => bench.send_from_page(&row.frame).await,
    }
    let what = format!("{} {row:?}", bench.package);
    let filled = |message: &Value| serde_json::from_str(&bench.fill_placeholders(&message.to_string())).unwrap();
    match &row.effect {
        Effect::Shows(members) => {
            let members: Value = filled(members);
            deck.wait_for_instance(&bench.key, &what, |instance| {
                members
                    .as_object()
                    .unwrap()
                    .iter()
                    .all(|(name, value)| instance.get(name).unwrap_or(&Value::Null) == value)
            })
            .await;
        }
        Effect::SentToPackage(message) => bench.wait_for_sent(mark, false, &filled(message)).await,
        Effect::SentToPage(message) => bench.wait_for_sent(mark, true, &filled(message)).await,
        Effect::SentToBoth(message) => {
            bench.wait_for_sent(mark, false, &filled(message)).await;
            bench.wait_for_sent(mark, true, &filled(message)).await;
        }
        Effect::Logs(_) => {
            wait_until(&what, async || match count_log_lines(bench, &row.effect).await > lines {
                true => Ok(()),
                false => Err(deck.log().await.join("\n")),
            })
            .await;
            assert_eq!(deck.instance(&bench.key).await, before, "{what}");
        }
    }
}

/// Counts the lines of the package's log with the words of a row.
async fn count_log_lines(bench: &Bench<'_>, effect: &Effect) -> usize {
    let Effect::Logs(words) = effect else { return 0 };
    let words = bench.fill_placeholders(words);
    let log = bench.deck.get("log").await;
    let entries = log["entries"].as_array().unwrap();
    entries
        .iter()
        .filter(|entry| entry["package"] == bench.package.as_str())
        .filter(|entry| entry["message"].as_str().unwrap().contains(&words))
        .count()
}
