//! The words for an error on the result page.

use crate::auth::accounts::AuthError;
use crate::i18n::sign_in::{
    CLIENT_ID_REFUSED, CLIENT_SECRET_REFUSED, CODE_REFUSED, DENIED, LOGIN_DOUBTED, NO_LOGIN, NOT_A_CALLBACK,
    NOT_FINISHED, REFUSED, UNKNOWN_ACCOUNT, WRONG_STATE,
};
use crate::i18n::{Language, Text};

/// Returns a sentence about an error, with its remedy.
pub(super) fn sentence(error: &AuthError, language: Language) -> String {
    match (translations(error), error) {
        (Some(text), AuthError::Refused(code)) => text.in_language(language).replace("{code}", code),
        (Some(text), _) => text.in_language(language).to_owned(),
        (None, _) => error.user_message().sentence().to_owned(),
    }
}

/// Returns the translations of an error. None for those that a callback can't cause.
fn translations(error: &AuthError) -> Option<&'static Text> {
    match error {
        AuthError::Denied => Some(&DENIED),
        AuthError::Refused(_) => Some(&REFUSED),
        AuthError::WrongState => Some(&WRONG_STATE),
        AuthError::NoLogin => Some(&NO_LOGIN),
        AuthError::NotACallback => Some(&NOT_A_CALLBACK),
        AuthError::CodeRefused => Some(&CODE_REFUSED),
        AuthError::ClientIdRefused => Some(&CLIENT_ID_REFUSED),
        AuthError::ClientSecretRefused => Some(&CLIENT_SECRET_REFUSED),
        AuthError::NotFinished => Some(&NOT_FINISHED),
        AuthError::UnknownAccount => Some(&UNKNOWN_ACCOUNT),
        AuthError::LoginDoubted => Some(&LOGIN_DOUBTED),
        AuthError::Loading
        | AuthError::KeyringWaiting
        | AuthError::NotLinked
        | AuthError::SignInAgain
        | AuthError::ClientIdMissing
        | AuthError::ClientIdForm
        | AuthError::ClientSecretForm
        | AuthError::ClientIdTaken
        | AuthError::Unchecked
        | AuthError::Limited(_)
        | AuthError::Offline
        | AuthError::AccountsDown(_)
        | AuthError::Intercepted
        | AuthError::TimedOut(_)
        | AuthError::CannotListen
        | AuthError::PortTaken(_)
        | AuthError::PortForm
        | AuthError::OtherUser { .. }
        | AuthError::Doubted
        | AuthError::TooManyAccounts
        | AuthError::Restarting
        | AuthError::NoOtherAccount
        | AuthError::NoRandomness
        | AuthError::FileNotNeeded
        | AuthError::FileFailed => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::i18n::LANGUAGES;
    use crate::i18n::sign_in::{CLOSE, FAILED, LINKED, NOTHING_HERE, NOTHING_HERE_MORE};

    /// Returns every error that a callback can cause.
    pub fn errors() -> Vec<AuthError> {
        vec![
            AuthError::Denied,
            AuthError::Refused("{code}".into()),
            AuthError::WrongState,
            AuthError::NoLogin,
            AuthError::NotACallback,
            AuthError::CodeRefused,
            AuthError::ClientIdRefused,
            AuthError::ClientSecretRefused,
            AuthError::NotFinished,
            AuthError::UnknownAccount,
            AuthError::LoginDoubted,
        ]
    }

    #[test]
    fn english_sentence_equals_the_user_message() {
        for error in errors() {
            assert_eq!(translations(&error).expect("translations").en, error.user_message().sentence());
        }
    }

    #[test]
    fn page_texts_are_all_translated() {
        let errors = errors();
        let texts = [&LINKED, &CLOSE, &FAILED, &NOTHING_HERE, &NOTHING_HERE_MORE];
        for text in texts.into_iter().chain(errors.iter().filter_map(translations)) {
            let all = LANGUAGES.map(|language| text.in_language(language));
            for (index, one) in all.iter().enumerate() {
                assert!(!one.trim().is_empty() && one.trim() == *one, "{text:?}");
                assert!(!all[..index].contains(one), "a repeated translation in {text:?}");
                assert_eq!(one.contains("{code}"), text.en.contains("{code}"), "{one}");
                let in_its_script = match LANGUAGES[index] {
                    Language::En | Language::De => one.chars().all(|c| c < '\u{2e80}'),
                    Language::Ja => one.contains(|c| matches!(c, '\u{3040}'..='\u{30ff}')),
                    Language::Ko => one.contains(|c| matches!(c, '\u{ac00}'..='\u{d7a3}')),
                    Language::ZhTw | Language::ZhCn => {
                        one.contains(|c| matches!(c, '\u{4e00}'..='\u{9fff}'))
                            && !one.contains(|c| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{ac00}'..='\u{d7a3}'))
                    }
                };
                assert!(in_its_script, "{one}");
            }
        }
    }

    #[test]
    fn sentence_contains_the_error_code() {
        for language in LANGUAGES {
            let sentence = sentence(&AuthError::Refused("invalid_scope".into()), language);
            assert!(sentence.contains("invalid_scope") && !sentence.contains('{'), "{sentence}");
        }
    }

    #[test]
    fn other_errors_fall_back_to_the_user_message() {
        assert_eq!(sentence(&AuthError::NoRandomness, Language::De), AuthError::NoRandomness.user_message().sentence());
    }
}
