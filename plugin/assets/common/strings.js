/*
 * Every text that the package's pages show, in the six languages of the host.
 *
 * One row a text, so that a missing translation is seen at once; `{name}` in a text is replaced by a value. Texts that come
 * from the package (errors and reasons) are shown as they come and are not in this table.
 */
(function () {
  "use strict";

  const pages = (globalThis.SpotifyPages = globalThis.SpotifyPages || {});

  /** The languages in the order in which they are tried where only the first part fits ("de_AT" is "de"). */
  const LANGUAGES = ["en", "de", "ja", "ko", "zh_TW", "zh_CN"];

  const TABLE = {
    pageTitle: {
      en: "Spotify account",
      de: "Spotify-Konto",
      ja: "Spotify アカウント",
      ko: "Spotify 계정",
      zh_TW: "Spotify 帳號",
      zh_CN: "Spotify 帐号",
    },

    // What the account is now
    loading: {
      en: "Asking the Spotify package…",
      de: "Spotify-Paket wird gefragt…",
      ja: "Spotify パッケージに問い合わせています…",
      ko: "Spotify 패키지에 확인하는 중…",
      zh_TW: "正在詢問 Spotify 套件…",
      zh_CN: "正在询问 Spotify 套件…",
    },
    packageSilent: {
      en: "The Spotify package is not running",
      de: "Das Spotify-Paket läuft nicht",
      ja: "Spotify パッケージが動作していません",
      ko: "Spotify 패키지가 실행되고 있지 않습니다",
      zh_TW: "Spotify 套件未在執行",
      zh_CN: "Spotify 套件未在运行",
    },
    packageSilentHint: {
      en: "This page keeps asking. If nothing changes, restart the host or install the package again.",
      de: "Diese Seite fragt weiter. Wenn sich nichts ändert, starte die App neu oder installiere das Paket erneut.",
      ja: "このページは問い合わせを続けます。変化がない場合は、アプリを再起動するか、パッケージを再インストールしてください。",
      ko: "이 페이지는 계속 확인합니다. 변화가 없으면 앱을 다시 시작하거나 패키지를 다시 설치하세요.",
      zh_TW: "此頁面會持續詢問。若沒有變化，請重新啟動應用程式或重新安裝套件。",
      zh_CN: "此页面会持续询问。如果没有变化，请重新启动应用程序或重新安装套件。",
    },
    hostLost: {
      en: "The connection to the host is lost. Trying again…",
      de: "Die Verbindung zur App ist unterbrochen. Neuer Versuch…",
      ja: "アプリとの接続が切れました。再接続しています…",
      ko: "앱과의 연결이 끊어졌습니다. 다시 시도하는 중…",
      zh_TW: "與應用程式的連線已中斷，正在重試…",
      zh_CN: "与应用程序的连接已中断，正在重试…",
    },
    notLinked: {
      en: "Not linked",
      de: "Nicht verknüpft",
      ja: "リンクされていません",
      ko: "연결되지 않음",
      zh_TW: "尚未連結",
      zh_CN: "尚未关联",
    },
    notLinkedHint: {
      en: "Link your Spotify Premium account so that your keys can control what plays. Four steps, about three minutes, once.",
      de: "Verknüpfe dein Spotify-Premium-Konto, damit deine Tasten die Wiedergabe steuern. Vier Schritte, etwa drei Minuten, einmalig.",
      ja: "Spotify Premium アカウントをリンクすると、キーで再生を操作できます。4つの手順、約3分、最初の1回だけです。",
      ko: "Spotify Premium 계정을 연결하면 키로 재생을 조작할 수 있습니다. 처음 한 번, 네 단계, 3분 정도 걸립니다.",
      zh_TW: "連結您的 Spotify Premium 帳號，即可用按鍵控制播放。四個步驟，大約三分鐘，只需一次。",
      zh_CN: "关联您的 Spotify Premium 帐号，即可用按键控制播放。四个步骤，大约三分钟，只需一次。",
    },
    stateNeedsLogin: {
      en: "Not logged in",
      de: "Nicht angemeldet",
      ja: "ログインしていません",
      ko: "로그인되지 않음",
      zh_TW: "尚未登入",
      zh_CN: "尚未登录",
    },
    stateNeedsLoginHint: {
      en: "Your Client ID is stored. Log in to finish.",
      de: "Deine Client ID ist gespeichert. Melde dich an, um fertig zu werden.",
      ja: "Client ID は保存されています。ログインすれば完了です。",
      ko: "Client ID가 저장되어 있습니다. 로그인하면 완료됩니다.",
      zh_TW: "Client ID 已儲存，登入即可完成。",
      zh_CN: "Client ID 已保存，登录即可完成。",
    },
    stateLinking: {
      en: "Waiting for Spotify in your browser…",
      de: "Warten auf Spotify in deinem Browser…",
      ja: "ブラウザーでの Spotify の操作を待っています…",
      ko: "브라우저에서 Spotify를 기다리는 중…",
      zh_TW: "正在等待瀏覽器中的 Spotify…",
      zh_CN: "正在等待浏览器中的 Spotify…",
    },
    stateLinkingHint: {
      en: "Choose Agree on the Spotify page. This page notices by itself.",
      de: "Wähle auf der Spotify-Seite „Zustimmen“. Diese Seite merkt es von selbst.",
      ja: "Spotify のページで「同意する」を選んでください。このページは自動的に更新されます。",
      ko: "Spotify 페이지에서 ‘동의’를 선택하세요. 이 페이지는 자동으로 바뀝니다.",
      zh_TW: "請在 Spotify 頁面上選擇「同意」，此頁面會自動更新。",
      zh_CN: "请在 Spotify 页面上选择“同意”，此页面会自动更新。",
    },
    linkedAs: {
      en: "Linked as {name}",
      de: "Verknüpft als {name}",
      ja: "{name} としてリンク済み",
      ko: "{name}(으)로 연결됨",
      zh_TW: "已連結為 {name}",
      zh_CN: "已关联为 {name}",
    },
    linked: {
      en: "Linked",
      de: "Verknüpft",
      ja: "リンク済み",
      ko: "연결됨",
      zh_TW: "已連結",
      zh_CN: "已关联",
    },
    stateInvalid: {
      en: "Client ID or Client Secret refused",
      de: "Client ID oder Client Secret abgelehnt",
      ja: "Client ID または Client Secret が拒否されました",
      ko: "Client ID 또는 Client Secret이 거부됨",
      zh_TW: "Client ID 或 Client Secret 遭拒",
      zh_CN: "Client ID 或 Client Secret 被拒绝",
    },
    stateInvalidHint: {
      en: "Spotify does not accept this pair. Copy both again from the Spotify dashboard.",
      de: "Spotify nimmt dieses Paar nicht an. Kopiere beide erneut aus dem Spotify-Dashboard.",
      ja: "Spotify がこの組み合わせを受け付けません。Spotify ダッシュボードから両方をコピーし直してください。",
      ko: "Spotify가 이 조합을 받아들이지 않습니다. Spotify 대시보드에서 둘 다 다시 복사하세요.",
      zh_TW: "Spotify 不接受這組資料。請從 Spotify 儀表板重新複製兩者。",
      zh_CN: "Spotify 不接受这组数据。请从 Spotify 控制台重新复制两者。",
    },
    appOf: {
      en: "Client ID {id}",
      de: "Client ID {id}",
      ja: "Client ID {id}",
      ko: "Client ID {id}",
      zh_TW: "Client ID {id}",
      zh_CN: "Client ID {id}",
    },
    inUse: {
      en: "In use",
      de: "In Gebrauch",
      ja: "使用中",
      ko: "사용 중",
      zh_TW: "使用中",
      zh_CN: "使用中",
    },
    accounts: {
      en: "Accounts",
      de: "Konten",
      ja: "アカウント",
      ko: "계정",
      zh_TW: "帳號",
      zh_CN: "帐号",
    },

    // The steps
    appSettings: {
      en: "Client ID, Client Secret and Redirect URI",
      de: "Client ID, Client Secret und Redirect URI",
      ja: "Client ID、Client Secret、Redirect URI",
      ko: "Client ID, Client Secret, Redirect URI",
      zh_TW: "Client ID、Client Secret 與 Redirect URI",
      zh_CN: "Client ID、Client Secret 与 Redirect URI",
    },
    step1Title: {
      en: "Create your own Spotify app",
      de: "Lege deine eigene Spotify-App an",
      ja: "自分用の Spotify アプリを作成する",
      ko: "나만의 Spotify 앱 만들기",
      zh_TW: "建立您自己的 Spotify 應用程式",
      zh_CN: "创建您自己的 Spotify 应用",
    },
    step1Text: {
      en: "Log in to the dashboard with your Premium account, choose “Create app”, name it, tick “Web API”.",
      de: "Melde dich dort mit deinem Premium-Konto an, wähle „Create app“, vergib einen Namen, hake „Web API“ an.",
      ja: "Premium アカウントでログインし、「Create app」を選び、名前を付けて「Web API」にチェックを入れます。",
      ko: "Premium 계정으로 로그인해 ‘Create app’을 선택하고, 이름을 입력한 뒤 ‘Web API’에 체크하세요.",
      zh_TW: "以您的 Premium 帳號登入儀表板，選擇「Create app」，取任意名稱並勾選「Web API」。",
      zh_CN: "用您的 Premium 帐号登录控制台，选择“Create app”，取任意名称并勾选“Web API”。",
    },
    openDashboard: {
      en: "Open the Spotify dashboard",
      de: "Spotify-Dashboard öffnen",
      ja: "Spotify ダッシュボードを開く",
      ko: "Spotify 대시보드 열기",
      zh_TW: "開啟 Spotify 儀表板",
      zh_CN: "打开 Spotify 控制台",
    },
    instructions: {
      en: "Instructions",
      de: "Anleitung",
      ja: "手順を見る",
      ko: "안내 보기",
      zh_TW: "操作說明",
      zh_CN: "操作说明",
    },
    step2Title: {
      en: "Register the Redirect URI",
      de: "Trage die Redirect URI ein",
      ja: "Redirect URI を登録する",
      ko: "Redirect URI 등록하기",
      zh_TW: "登錄 Redirect URI",
      zh_CN: "登记 Redirect URI",
    },
    step2Text: {
      en: "Copy this address into the app's “Redirect URIs” on the dashboard, letter for letter, choose Add, then Save.",
      de: "Kopiere diese Adresse genau so in „Redirect URIs“ deiner App im Dashboard, dann „Add“ und „Save“.",
      ja: "このアドレスをそのままアプリの「Redirect URIs」に貼り付け、「Add」、「Save」の順に選びます。",
      ko: "이 주소를 한 글자도 바꾸지 말고 대시보드의 앱 ‘Redirect URIs’에 붙여 넣고 Add, Save를 차례로 선택하세요.",
      zh_TW: "將此位址原封不動地貼到儀表板中應用程式的「Redirect URIs」，依序選擇 Add 和 Save。",
      zh_CN: "将此地址原封不动地粘贴到控制台中应用的“Redirect URIs”，依次选择 Add 和 Save。",
    },
    redirectChoice: {
      en: "How Spotify comes back",
      de: "Wie Spotify zurückkommt",
      ja: "Spotify からの戻り方",
      ko: "Spotify에서 돌아오는 방법",
      zh_TW: "Spotify 返回的方式",
      zh_CN: "Spotify 返回的方式",
    },
    redirectLoopback: {
      en: "Loopback (recommended)",
      de: "Loopback (empfohlen)",
      ja: "ループバック（推奨）",
      ko: "루프백(권장)",
      zh_TW: "本機回送（建議）",
      zh_CN: "本机回送（推荐）",
    },
    redirectAvermedia: {
      en: "AVerMedia relay",
      de: "AVerMedia-Weiterleitung",
      ja: "AVerMedia 経由",
      ko: "AVerMedia 경유",
      zh_TW: "AVerMedia 轉送",
      zh_CN: "AVerMedia 转送",
    },
    redirectLoopbackHint: {
      en: "The sign-in stays on this computer.",
      de: "Die Anmeldung bleibt auf diesem Computer.",
      ja: "サインインはこのコンピューター内で完結します。",
      ko: "로그인 과정이 이 컴퓨터를 벗어나지 않습니다.",
      zh_TW: "登入過程只在此電腦上進行。",
      zh_CN: "登录过程只在此电脑上进行。",
    },
    redirectAvermediaHint: {
      en: "For apps registered as AVerMedia's help page says: its server passes the sign-in on to this computer.",
      de: "Für Apps, die nach der AVerMedia-Hilfeseite angelegt wurden: Deren Server reicht die Anmeldung an diesen Computer weiter.",
      ja: "AVerMedia のヘルプページどおりに登録したアプリ用です。同社のサーバーがサインインをこのコンピューターに渡します。",
      ko: "AVerMedia 도움말대로 등록한 앱에 사용하세요. AVerMedia 서버가 로그인을 이 컴퓨터로 전달합니다.",
      zh_TW: "適用於依 AVerMedia 說明頁登錄的應用程式：其伺服器會將登入結果轉送到此電腦。",
      zh_CN: "适用于按 AVerMedia 帮助页登记的应用：其服务器会将登录结果转送到此电脑。",
    },
    redirectUri: {
      en: "Redirect URI",
      de: "Redirect URI",
      ja: "Redirect URI",
      ko: "Redirect URI",
      zh_TW: "Redirect URI",
      zh_CN: "Redirect URI",
    },
    copy: { en: "Copy", de: "Kopieren", ja: "コピー", ko: "복사", zh_TW: "複製", zh_CN: "复制" },
    copied: {
      en: "Copied",
      de: "Kopiert",
      ja: "コピーしました",
      ko: "복사됨",
      zh_TW: "已複製",
      zh_CN: "已复制",
    },
    copyFailed: {
      en: "Press Ctrl+C",
      de: "Strg+C drücken",
      ja: "Ctrl+C を押す",
      ko: "Ctrl+C 누르기",
      zh_TW: "請按 Ctrl+C",
      zh_CN: "请按 Ctrl+C",
    },
    step3Title: {
      en: "Enter the app's Client ID and Client Secret",
      de: "Gib Client ID und Client Secret der App ein",
      ja: "アプリの Client ID と Client Secret を入力する",
      ko: "앱의 Client ID와 Client Secret 입력하기",
      zh_TW: "輸入應用程式的 Client ID 與 Client Secret",
      zh_CN: "输入应用的 Client ID 与 Client Secret",
    },
    step3Text: {
      en: "Both are on the app's Settings page in the dashboard.",
      de: "Beide stehen im Dashboard auf der Seite „Settings“ der App.",
      ja: "どちらもダッシュボードのアプリの「Settings」ページにあります。",
      ko: "둘 다 대시보드의 앱 ‘Settings’ 페이지에 있습니다.",
      zh_TW: "兩者都在儀表板中應用程式的「Settings」頁面。",
      zh_CN: "两者都在控制台中应用的“Settings”页面。",
    },
    clientId: {
      en: "Client ID",
      de: "Client ID",
      ja: "Client ID",
      ko: "Client ID",
      zh_TW: "Client ID",
      zh_CN: "Client ID",
    },
    clientSecret: {
      en: "Client Secret",
      de: "Client Secret",
      ja: "Client Secret",
      ko: "Client Secret",
      zh_TW: "Client Secret",
      zh_CN: "Client Secret",
    },
    secretStored: {
      en: "••••••••  stored",
      de: "••••••••  gespeichert",
      ja: "••••••••  保存済み",
      ko: "••••••••  저장됨",
      zh_TW: "••••••••  已儲存",
      zh_CN: "••••••••  已保存",
    },
    show: { en: "Show", de: "Zeigen", ja: "表示", ko: "표시", zh_TW: "顯示", zh_CN: "显示" },
    hide: { en: "Hide", de: "Verbergen", ja: "隠す", ko: "숨기기", zh_TW: "隱藏", zh_CN: "隐藏" },
    showSecret: {
      en: "Show the Client Secret",
      de: "Client Secret zeigen",
      ja: "Client Secret を表示",
      ko: "Client Secret 표시",
      zh_TW: "顯示 Client Secret",
      zh_CN: "显示 Client Secret",
    },
    noSecret: {
      en: "My app has no secret (PKCE only)",
      de: "Meine App hat kein Secret (nur PKCE)",
      ja: "シークレットのないアプリを使う（PKCE のみ）",
      ko: "앱에 시크릿이 없음(PKCE만 사용)",
      zh_TW: "我的應用程式沒有密鑰（僅 PKCE）",
      zh_CN: "我的应用没有密钥（仅 PKCE）",
    },
    needClientId: {
      en: "Enter the Client ID of your Spotify app.",
      de: "Gib die Client ID deiner Spotify-App ein.",
      ja: "Spotify アプリの Client ID を入力してください。",
      ko: "Spotify 앱의 Client ID를 입력하세요.",
      zh_TW: "請輸入您 Spotify 應用程式的 Client ID。",
      zh_CN: "请输入您 Spotify 应用的 Client ID。",
    },
    needClientSecret: {
      en: "Enter the Client Secret that belongs to this Client ID.",
      de: "Gib das Client Secret ein, das zu dieser Client ID gehört.",
      ja: "この Client ID に対応する Client Secret を入力してください。",
      ko: "이 Client ID에 해당하는 Client Secret을 입력하세요.",
      zh_TW: "請輸入與此 Client ID 相符的 Client Secret。",
      zh_CN: "请输入与此 Client ID 相符的 Client Secret。",
    },
    step4Title: { en: "Log in", de: "Melde dich an", ja: "ログインする", ko: "로그인하기", zh_TW: "登入", zh_CN: "登录" },
    step4Text: {
      en: "Spotify opens in your browser and asks whether this app may control playback.",
      de: "Spotify öffnet sich im Browser und fragt, ob diese App die Wiedergabe steuern darf.",
      ja: "ブラウザーで Spotify が開き、このアプリに再生の操作を許可するか確認されます。",
      ko: "브라우저에서 Spotify가 열리고 이 앱이 재생을 제어해도 되는지 묻습니다.",
      zh_TW: "Spotify 會在瀏覽器中開啟，詢問是否允許此應用程式控制播放。",
      zh_CN: "Spotify 会在浏览器中打开，询问是否允许此应用控制播放。",
    },
    login: { en: "Log in", de: "Anmelden", ja: "ログイン", ko: "로그인", zh_TW: "登入", zh_CN: "登录" },
    loginAgain: {
      en: "Log in again",
      de: "Neu anmelden",
      ja: "再ログイン",
      ko: "다시 로그인",
      zh_TW: "重新登入",
      zh_CN: "重新登录",
    },
    saveAndLogin: {
      en: "Save and log in",
      de: "Speichern und anmelden",
      ja: "保存してログイン",
      ko: "저장 후 로그인",
      zh_TW: "儲存並登入",
      zh_CN: "保存并登录",
    },
    logout: { en: "Log out", de: "Abmelden", ja: "ログアウト", ko: "로그아웃", zh_TW: "登出", zh_CN: "退出登录" },
    cancelLogin: {
      en: "Cancel the log-in",
      de: "Anmeldung abbrechen",
      ja: "ログインを中止",
      ko: "로그인 취소",
      zh_TW: "取消登入",
      zh_CN: "取消登录",
    },
    finishLabel: {
      en: "Browser on another machine? Paste the address it ended up at",
      de: "Browser auf einem anderen Rechner? Füge die Adresse ein, bei der er gelandet ist",
      ja: "別のコンピューターのブラウザーですか？最後に表示されたアドレスを貼り付けてください",
      ko: "다른 컴퓨터의 브라우저인가요? 마지막에 열린 주소를 붙여 넣으세요",
      zh_TW: "瀏覽器在另一台電腦上嗎？請貼上它最後到達的網址",
      zh_CN: "浏览器在另一台电脑上吗？请粘贴它最后到达的网址",
    },
    finish: { en: "Finish", de: "Abschließen", ja: "完了", ko: "완료", zh_TW: "完成", zh_CN: "完成" },
    ok: { en: "OK", de: "OK", ja: "OK", ko: "확인", zh_TW: "確定", zh_CN: "确定" },
    cancel: { en: "Cancel", de: "Abbrechen", ja: "キャンセル", ko: "취소", zh_TW: "取消", zh_CN: "取消" },
    unsaved: {
      en: "Unsaved changes",
      de: "Nicht gespeicherte Änderungen",
      ja: "未保存の変更があります",
      ko: "저장되지 않은 변경 사항",
      zh_TW: "有未儲存的變更",
      zh_CN: "有未保存的更改",
    },
    checking: {
      en: "Checking with Spotify…",
      de: "Wird bei Spotify geprüft…",
      ja: "Spotify に確認しています…",
      ko: "Spotify에 확인하는 중…",
      zh_TW: "正在向 Spotify 確認…",
      zh_CN: "正在向 Spotify 确认…",
    },
    saved: { en: "Saved", de: "Gespeichert", ja: "保存しました", ko: "저장됨", zh_TW: "已儲存", zh_CN: "已保存" },
    noAnswer: {
      en: "The Spotify package did not answer. Try again.",
      de: "Das Spotify-Paket hat nicht geantwortet. Versuche es noch einmal.",
      ja: "Spotify パッケージから応答がありません。もう一度お試しください。",
      ko: "Spotify 패키지가 응답하지 않습니다. 다시 시도하세요.",
      zh_TW: "Spotify 套件沒有回應，請再試一次。",
      zh_CN: "Spotify 套件没有响应，请再试一次。",
    },
    remove: {
      en: "Remove account",
      de: "Konto entfernen",
      ja: "アカウントを削除",
      ko: "계정 제거",
      zh_TW: "移除帳號",
      zh_CN: "移除帐号",
    },
    removeQuestion: {
      en: "Remove this account, its Client ID and its sign-in from this computer?",
      de: "Dieses Konto samt Client ID und Anmeldung von diesem Computer entfernen?",
      ja: "このアカウントと Client ID、サインイン情報をこのコンピューターから削除しますか？",
      ko: "이 계정과 Client ID, 로그인 정보를 이 컴퓨터에서 제거할까요?",
      zh_TW: "要從此電腦移除這個帳號、其 Client ID 與登入資訊嗎？",
      zh_CN: "要从此电脑移除这个帐号、其 Client ID 与登录信息吗？",
    },
    removeYes: { en: "Remove", de: "Entfernen", ja: "削除", ko: "제거", zh_TW: "移除", zh_CN: "移除" },
    removeNo: { en: "Keep", de: "Behalten", ja: "残す", ko: "유지", zh_TW: "保留", zh_CN: "保留" },

    // Where the secrets are
    storeMemory: {
      en: "No keyring answers on this computer. Your sign-in is kept in memory only and is lost when the host closes.",
      de: "Auf diesem Computer antwortet kein Schlüsselbund. Deine Anmeldung bleibt nur im Arbeitsspeicher und geht verloren, wenn die App beendet wird.",
      ja: "このコンピューターではキーリングが利用できません。サインインはメモリにのみ保持され、アプリを終了すると失われます。",
      ko: "이 컴퓨터에서 키링을 사용할 수 없습니다. 로그인 정보는 메모리에만 보관되며 앱을 닫으면 사라집니다.",
      zh_TW: "此電腦上沒有可用的金鑰圈。登入資訊只保存在記憶體中，關閉應用程式後便會遺失。",
      zh_CN: "此电脑上没有可用的密钥环。登录信息只保存在内存中，关闭应用程序后便会丢失。",
    },
    storeFile: {
      en: "Your sign-in is kept in a private file on this computer.",
      de: "Deine Anmeldung liegt in einer privaten Datei auf diesem Computer.",
      ja: "サインイン情報はこのコンピューターの非公開ファイルに保存されています。",
      ko: "로그인 정보는 이 컴퓨터의 비공개 파일에 보관됩니다.",
      zh_TW: "登入資訊保存在此電腦的私人檔案中。",
      zh_CN: "登录信息保存在此电脑的私有文件中。",
    },
    useFileStore: {
      en: "Keep in a private file",
      de: "In privater Datei speichern",
      ja: "非公開ファイルに保存",
      ko: "비공개 파일에 보관",
      zh_TW: "保存到私人檔案",
      zh_CN: "保存到私有文件",
    },

    // Property views
    linkSpotify: {
      en: "Link Spotify",
      de: "Spotify verknüpfen",
      ja: "Spotify をリンク",
      ko: "Spotify 연결",
      zh_TW: "連結 Spotify",
      zh_CN: "关联 Spotify",
    },
    accountSettings: {
      en: "Account settings",
      de: "Kontoeinstellungen",
      ja: "アカウント設定",
      ko: "계정 설정",
      zh_TW: "帳號設定",
      zh_CN: "帐号设置",
    },
    closeAccountSettings: {
      en: "Close account settings",
      de: "Kontoeinstellungen schließen",
      ja: "アカウント設定を閉じる",
      ko: "계정 설정 닫기",
      zh_TW: "關閉帳號設定",
      zh_CN: "关闭帐号设置",
    },
    device: {
      en: "Playback device",
      de: "Wiedergabegerät",
      ja: "再生デバイス",
      ko: "재생 기기",
      zh_TW: "播放裝置",
      zh_CN: "播放设备",
    },
    deviceActive: {
      en: "Currently active device",
      de: "Gerade aktives Gerät",
      ja: "現在アクティブなデバイス",
      ko: "현재 활성 기기",
      zh_TW: "目前使用中的裝置",
      zh_CN: "当前活动设备",
    },
    deviceIsActive: {
      en: "{name} (active)",
      de: "{name} (aktiv)",
      ja: "{name}（アクティブ）",
      ko: "{name}(활성)",
      zh_TW: "{name}（使用中）",
      zh_CN: "{name}（活动）",
    },
    deviceMissing: {
      en: "{name} (not available)",
      de: "{name} (nicht verfügbar)",
      ja: "{name}（利用不可）",
      ko: "{name}(사용할 수 없음)",
      zh_TW: "{name}（無法使用）",
      zh_CN: "{name}（不可用）",
    },
    deviceHint: {
      en: "The device must be turned on and connected to Spotify.",
      de: "Das Gerät muss eingeschaltet und mit Spotify verbunden sein.",
      ja: "デバイスの電源が入っていて、Spotify に接続されている必要があります。",
      ko: "기기가 켜져 있고 Spotify에 연결되어 있어야 합니다.",
      zh_TW: "裝置必須已開啟並連線至 Spotify。",
      zh_CN: "设备必须已打开并连接到 Spotify。",
    },
    devicesNone: {
      en: "Spotify sees no device. Open Spotify on one, then refresh.",
      de: "Spotify sieht kein Gerät. Öffne Spotify auf einem und aktualisiere dann.",
      ja: "Spotify にデバイスが見つかりません。どれかで Spotify を開いてから更新してください。",
      ko: "Spotify에서 기기를 찾을 수 없습니다. 기기에서 Spotify를 열고 새로 고치세요.",
      zh_TW: "Spotify 找不到裝置。請在裝置上開啟 Spotify，然後重新整理。",
      zh_CN: "Spotify 找不到设备。请在设备上打开 Spotify，然后刷新。",
    },
    refresh: { en: "Refresh", de: "Aktualisieren", ja: "更新", ko: "새로 고침", zh_TW: "重新整理", zh_CN: "刷新" },
    step: {
      en: "Step per press",
      de: "Schritt pro Druck",
      ja: "1回の変化量",
      ko: "누를 때마다 변화량",
      zh_TW: "每次按下的變化量",
      zh_CN: "每次按下的变化量",
    },
    percent: { en: "{n} %", de: "{n} %", ja: "{n}%", ko: "{n}%", zh_TW: "{n}%", zh_CN: "{n}%" },
    layout: { en: "Layout", de: "Layout", ja: "レイアウト", ko: "레이아웃", zh_TW: "版面", zh_CN: "布局" },
    layout0: {
      en: "3 x 2 – cover and text",
      de: "3 x 2 – Cover und Text",
      ja: "3 x 2 – カバーとテキスト",
      ko: "3 x 2 – 커버와 텍스트",
      zh_TW: "3 x 2 – 封面與文字",
      zh_CN: "3 x 2 – 封面与文字",
    },
    layout1: {
      en: "2 x 2 – cover and text",
      de: "2 x 2 – Cover und Text",
      ja: "2 x 2 – カバーとテキスト",
      ko: "2 x 2 – 커버와 텍스트",
      zh_TW: "2 x 2 – 封面與文字",
      zh_CN: "2 x 2 – 封面与文字",
    },
    layout2: {
      en: "3 x 1 – text only",
      de: "3 x 1 – nur Text",
      ja: "3 x 1 – テキストのみ",
      ko: "3 x 1 – 텍스트만",
      zh_TW: "3 x 1 – 僅文字",
      zh_CN: "3 x 1 – 仅文字",
    },
  };

  let language = "en";

  const folded = (tag) => String(tag).toLowerCase().replace(/[-_]/g, "");

  /**
   * The language of the table that fits what the host reports ("zh_TW", "zh-tw", "DE", "de_AT"); English where none does.
   */
  function match(tag) {
    if (typeof tag !== "string") return "en";
    const exact = LANGUAGES.find((known) => folded(known) === folded(tag));
    if (exact) return exact;
    const [base, ...parts] = tag.toLowerCase().split(/[-_]/);
    if (base === "zh") return parts.some((part) => ["hant", "hk", "mo"].includes(part)) ? "zh_TW" : "zh_CN";
    return LANGUAGES.find((known) => known === base) || "en";
  }

  pages.strings = {
    match,

    /** Chooses the language for all later calls of `text` and tells the browser, which picks fonts and voices by it. */
    use(tag) {
      language = match(tag);
      document.documentElement.lang = language.replace("_", "-");
    },

    /** The text of that name in the chosen language, with each `{name}` of it replaced by the value of that name. */
    text(name, values = {}) {
      const row = TABLE[name] || {};
      const text = row[language] || row.en || name;
      return text.replace(/\{(\w+)\}/g, (whole, key) => (key in values ? String(values[key]) : whole));
    },
  };
})();
