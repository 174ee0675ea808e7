//! Texts of the page at the end of a sign-in.
//!
//! A text that lacks a language doesn't compile. The English text of an error is that of `AuthError::user_message`; a test
//! compares them. The terms are those of the settings page, `assets/common/strings.js`.

use super::Text;

/// Title after a successful sign-in.
pub(crate) const LINKED: Text = Text {
    en: "Spotify is linked.",
    de: "Spotify ist verknüpft.",
    ja: "Spotify をリンクしました。",
    ko: "Spotify가 연결되었습니다.",
    zh_tw: "Spotify 已連結。",
    zh_cn: "Spotify 已关联。",
};

/// Below [`LINKED`].
pub(crate) const CLOSE: Text = Text {
    en: "You can close this tab.",
    de: "Du kannst diesen Tab schließen.",
    ja: "このタブを閉じてかまいません。",
    ko: "이 탭을 닫아도 됩니다.",
    zh_tw: "您可以關閉此分頁。",
    zh_cn: "您可以关闭此标签页。",
};

/// Title after a failed sign-in, above the error's sentence.
pub(crate) const FAILED: Text = Text {
    en: "Spotify is not linked",
    de: "Spotify ist nicht verknüpft",
    ja: "Spotify はリンクされていません",
    ko: "Spotify가 연결되지 않았습니다",
    zh_tw: "Spotify 尚未連結",
    zh_cn: "Spotify 尚未关联",
};

/// Title for a request that belongs to no sign-in.
pub(crate) const NOTHING_HERE: Text = Text {
    en: "There is nothing here",
    de: "Hier ist nichts",
    ja: "ここには何もありません",
    ko: "여기에는 아무것도 없습니다",
    zh_tw: "這裡沒有任何內容",
    zh_cn: "这里没有任何内容",
};

/// Below [`NOTHING_HERE`].
pub(crate) const NOTHING_HERE_MORE: Text = Text {
    en: "This address only takes the answer of a sign-in with Spotify. A running sign-in is not affected.",
    de: "Diese Adresse nimmt nur die Antwort einer Anmeldung bei Spotify an. Eine laufende Anmeldung ist davon nicht betroffen.",
    ja: "このアドレスは Spotify のサインインの応答だけを受け付けます。進行中のサインインに影響はありません。",
    ko: "이 주소는 Spotify 로그인의 응답만 받습니다. 진행 중인 로그인에는 영향이 없습니다.",
    zh_tw: "此位址只接收 Spotify 登入的回應。進行中的登入不受影響。",
    zh_cn: "此地址只接收 Spotify 登录的响应。正在进行的登录不受影响。",
};

pub(crate) const DENIED: Text = Text {
    en: "Access was not granted on Spotify's page. Log in again and choose Agree.",
    de: "Auf der Spotify-Seite wurde der Zugriff nicht erlaubt. Melde dich erneut an und wähle „Zustimmen“.",
    ja: "Spotify のページでアクセスが許可されませんでした。もう一度ログインして「同意する」を選んでください。",
    ko: "Spotify 페이지에서 접근이 허용되지 않았습니다. 다시 로그인하고 ‘동의’를 선택하세요.",
    zh_tw: "未在 Spotify 頁面上授予存取權。請重新登入並選擇「同意」。",
    zh_cn: "未在 Spotify 页面上授予访问权限。请重新登录并选择“同意”。",
};

pub(crate) const REFUSED: Text = Text {
    en: "Spotify has answered with the error \"{code}\". Log in again.",
    de: "Spotify hat mit dem Fehler „{code}“ geantwortet. Melde dich erneut an.",
    ja: "Spotify からエラー「{code}」が返されました。もう一度ログインしてください。",
    ko: "Spotify가 ‘{code}’ 오류로 응답했습니다. 다시 로그인하세요.",
    zh_tw: "Spotify 傳回錯誤「{code}」。請重新登入。",
    zh_cn: "Spotify 返回错误“{code}”。请重新登录。",
};

pub(crate) const WRONG_STATE: Text = Text {
    en: "This address belongs to another sign-in. Use the page that the latest Log in has opened.",
    de: "Diese Adresse gehört zu einer anderen Anmeldung. Nimm die Seite, die das letzte „Anmelden“ geöffnet hat.",
    ja: "このアドレスは別のサインインのものです。最後に「ログイン」を選んだときに開いたページを使ってください。",
    ko: "이 주소는 다른 로그인의 것입니다. 마지막으로 ‘로그인’을 선택했을 때 열린 페이지를 사용하세요.",
    zh_tw: "此網址屬於另一次登入。請使用最近一次選擇「登入」時開啟的頁面。",
    zh_cn: "此网址属于另一次登录。请使用最近一次选择“登录”时打开的页面。",
};

pub(crate) const NO_LOGIN: Text = Text {
    en: "No sign-in is waiting for an answer any more. Choose Log in again.",
    de: "Es wartet keine Anmeldung mehr auf eine Antwort. Wähle noch einmal „Anmelden“.",
    ja: "応答を待っているサインインはもうありません。もう一度「ログイン」を選んでください。",
    ko: "응답을 기다리는 로그인이 더 이상 없습니다. ‘로그인’을 다시 선택하세요.",
    zh_tw: "已沒有等待回應的登入。請再次選擇「登入」。",
    zh_cn: "已没有等待响应的登录。请再次选择“登录”。",
};

pub(crate) const NOT_A_CALLBACK: Text = Text {
    en: "This is not the address that Spotify came back to: it has to hold a code and a state. \
         Copy it whole from the browser's address bar.",
    de: "Das ist nicht die Adresse, zu der Spotify zurückgekommen ist: Sie muss „code“ und „state“ enthalten. \
         Kopiere sie vollständig aus der Adresszeile des Browsers.",
    ja: "これは Spotify から戻ってきたときのアドレスではありません。code と state が含まれている必要があります。\
         ブラウザーのアドレスバーから全体をコピーしてください。",
    ko: "Spotify에서 돌아온 주소가 아닙니다. 주소에 code와 state가 들어 있어야 합니다. \
         브라우저의 주소 표시줄에서 전체를 복사하세요.",
    zh_tw: "這不是 Spotify 返回的網址：其中必須含有 code 與 state。請從瀏覽器的網址列完整複製。",
    zh_cn: "这不是 Spotify 返回的网址：其中必须含有 code 与 state。请从浏览器的地址栏完整复制。",
};

pub(crate) const CODE_REFUSED: Text = Text {
    en: "Spotify did not accept the code of this sign-in: it was too old or used before. Log in again.",
    de: "Spotify hat den Code dieser Anmeldung nicht angenommen: Er war zu alt oder schon benutzt. Melde dich erneut an.",
    ja: "このサインインのコードは Spotify に受け付けられませんでした。古すぎるか、すでに使用されています。もう一度ログインしてください。",
    ko: "Spotify가 이 로그인의 코드를 받아들이지 않았습니다. 너무 오래되었거나 이미 사용된 코드입니다. 다시 로그인하세요.",
    zh_tw: "Spotify 不接受這次登入的代碼：它已過期或已使用過。請重新登入。",
    zh_cn: "Spotify 不接受这次登录的代码：它已过期或已使用过。请重新登录。",
};

pub(crate) const CLIENT_ID_REFUSED: Text = Text {
    en: "Spotify doesn't know this Client ID. Copy it again from your app in the Spotify dashboard.",
    de: "Spotify kennt diese Client ID nicht. Kopiere sie erneut aus deiner App im Spotify-Dashboard.",
    ja: "この Client ID は Spotify に登録されていません。Spotify ダッシュボードの自分のアプリからコピーし直してください。",
    ko: "Spotify가 이 Client ID를 알지 못합니다. Spotify 대시보드의 앱에서 다시 복사하세요.",
    zh_tw: "Spotify 不認得這個 Client ID。請從 Spotify 儀表板中您的應用程式重新複製。",
    zh_cn: "Spotify 不认识这个 Client ID。请从 Spotify 控制台中您的应用重新复制。",
};

pub(crate) const CLIENT_SECRET_REFUSED: Text = Text {
    en: "Spotify refuses this Client Secret. Copy it again from your app in the Spotify dashboard.",
    de: "Spotify lehnt dieses Client Secret ab. Kopiere es erneut aus deiner App im Spotify-Dashboard.",
    ja: "この Client Secret は Spotify に拒否されました。Spotify ダッシュボードの自分のアプリからコピーし直してください。",
    ko: "Spotify가 이 Client Secret을 거부합니다. Spotify 대시보드의 앱에서 다시 복사하세요.",
    zh_tw: "Spotify 拒絕這個 Client Secret。請從 Spotify 儀表板中您的應用程式重新複製。",
    zh_cn: "Spotify 拒绝这个 Client Secret。请从 Spotify 控制台中您的应用重新复制。",
};

pub(crate) const NOT_FINISHED: Text = Text {
    en: "Spotify could not be reached to finish this sign-in. Check this computer's network, then log in again.",
    de: "Spotify war nicht erreichbar, um diese Anmeldung abzuschließen. Prüfe das Netzwerk dieses Computers und melde dich dann erneut an.",
    ja: "Spotify に接続できず、サインインを完了できませんでした。このコンピューターのネットワークを確認してから、もう一度ログインしてください。",
    ko: "Spotify에 연결할 수 없어 로그인을 마치지 못했습니다. 이 컴퓨터의 네트워크를 확인한 뒤 다시 로그인하세요.",
    zh_tw: "無法連線到 Spotify，因此未能完成這次登入。請檢查此電腦的網路，然後重新登入。",
    zh_cn: "无法连接到 Spotify，因此未能完成这次登录。请检查此电脑的网络，然后重新登录。",
};

pub(crate) const LOGIN_DOUBTED: Text = Text {
    en: "Spotify has refused this account during the sign-in. That may be a fault at Spotify: log in again in a few minutes.",
    de: "Spotify hat dieses Konto bei der Anmeldung abgelehnt. Das kann an einer Störung bei Spotify liegen: Melde dich in ein paar Minuten erneut an.",
    ja: "サインイン中に Spotify がこのアカウントを拒否しました。Spotify 側の障害の可能性があります。数分後にもう一度ログインしてください。",
    ko: "로그인 중에 Spotify가 이 계정을 거부했습니다. Spotify의 장애일 수 있으니 몇 분 뒤에 다시 로그인하세요.",
    zh_tw: "登入時 Spotify 拒絕了此帳號。這可能是 Spotify 的故障：請在幾分鐘後重新登入。",
    zh_cn: "登录时 Spotify 拒绝了此帐号。这可能是 Spotify 的故障：请在几分钟后重新登录。",
};

pub(crate) const UNKNOWN_ACCOUNT: Text = Text {
    en: "This account is not in the list any more. Add it again in the settings.",
    de: "Dieses Konto ist nicht mehr in der Liste. Füge es in den Einstellungen wieder hinzu.",
    ja: "このアカウントはもうリストにありません。設定で追加し直してください。",
    ko: "이 계정은 더 이상 목록에 없습니다. 설정에서 다시 추가하세요.",
    zh_tw: "此帳號已不在清單中。請在設定中重新新增。",
    zh_cn: "此帐号已不在列表中。请在设置中重新添加。",
};
