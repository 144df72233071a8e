//! The capture's configuration: a map of strings with some fifty keys.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::prompt::{CaptureState, PromptTexts};

/// How a visual setting is read from its text; `None` when the text is not one.
trait Setting: Sized {
    fn read(text: &str) -> Option<Self>;
    fn value(&self) -> Value;
}

impl Setting for String {
    fn read(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }

    fn value(&self) -> Value {
        Value::from(self.as_str())
    }
}

impl Setting for bool {
    fn read(text: &str) -> Option<Self> {
        match text.trim().to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        }
    }

    fn value(&self) -> Value {
        Value::from(*self)
    }
}

impl Setting for f64 {
    fn read(text: &str) -> Option<Self> {
        text.trim().parse().ok().filter(|number: &Self| number.is_finite())
    }

    fn value(&self) -> Value {
        Value::from(*self)
    }
}

macro_rules! appearance {
    ($($field:ident: $kind:ty, $doc:literal;)+) => {
        /// What the configuration says of how the app's screens look. The engine draws nothing: this
        /// is for the app. Each field has the name of its key; `None` when it is not given. Colours
        /// and styles are the app's own notation and are passed through.
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct Appearance {
            $(#[doc = $doc] pub $field: Option<$kind>,)+
            /// `id_prompt_*`: texts of the ID card screen, by their whole keys.
            pub id_prompts: BTreeMap<String, String>,
        }

        impl Appearance {
            /// The keys of the fields, in the order of the documentation.
            pub const KEYS: &[&str] = &[$(stringify!($field)),+];

            /// Takes `text` for `key`: whether it could, or `None` when there is no such key.
            fn take(&mut self, key: &str, text: &str) -> Option<bool> {
                match key {
                    $(stringify!($field) => {
                        self.$field = Setting::read(text);
                        Some(self.$field.is_some())
                    })+
                    _ if key.starts_with(ID_PROMPT) => {
                        self.id_prompts.insert(key.to_owned(), text.to_owned());
                        Some(true)
                    }
                    _ => None,
                }
            }

            /// What is given, by its keys: texts, numbers and booleans.
            #[must_use]
            pub fn to_map(&self) -> BTreeMap<String, Value> {
                let mut map: BTreeMap<_, _> =
                    self.id_prompts.iter().map(|(key, text)| (key.clone(), text.value())).collect();
                $(if let Some(setting) = &self.$field {
                    map.insert(stringify!($field).to_owned(), setting.value());
                })+
                map
            }
        }
    };
}

/// What the keys of the ID card screen's texts begin with.
const ID_PROMPT: &str = "id_prompt_";

appearance! {
    screen_title_style: String, "Style of the title.";
    is_fullscreen: bool, "Whether the screen is full.";
    is_white_labelled: bool, "Whether the vendor's name is left out.";
    capture_title_text: String, "Title of the capture screen.";
    overlay_color: String, "Colour of the overlay.";
    overlay_alpha: f64, "Opacity of the overlay, in the app's own unit.";
    overlay_thickness: f64, "Thickness of the overlay's line.";
    overlay_dotted: bool, "Whether the overlay's line is dotted.";
    overlay_width: f64, "Width of the overlay's opening.";
    overlay_height: f64, "Height of the overlay's opening.";
    capturing_progress_color: String, "Colour of the progress that is to come.";
    captured_progress_color: String, "Colour of the progress that is made.";
    capture_prompt_style: String, "Style of the prompts.";
    capture_tip_text: String, "Tip on the capture screen.";
    capture_tip_style: String, "Its style.";
    review_title_text: String, "Title of the review screen.";
    review_prompt_text: String, "Prompt of the review screen.";
    review_prompt_style: String, "Its style.";
    review_tip_text: String, "Tip on the review screen.";
    review_tip_style: String, "Its style.";
    review_confirm_text: String, "Text of the button that confirms.";
    review_confirm_color: String, "Its colour.";
    review_confirm_style: String, "Its style.";
    review_retake_text: String, "Text of the button that captures again.";
    review_retake_color: String, "Its colour.";
    review_retake_style: String, "Its style.";
    id_capture_side: String, "Sides of the ID card: `0` front, `1` both, `2` back.";
    id_capture_orientation: String, "Orientation of the ID card: `0` device, `1` landscape, `2` portrait.";
    id_captured_blurry: String, "Text when the ID card is blurry.";
    id_captured_dark_message: String, "Text when the ID card is dark.";
    card_type: String, "`card`, `passport` or `other`.";
}

/// A capture's configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CaptureConfig {
    /// What the person is told.
    pub prompts: PromptTexts,
    /// How the app's screens look.
    pub appearance: Appearance,
    /// Keys that do not exist, or whose value is none; sorted. They are ignored.
    pub ignored: Vec<String>,
}

impl CaptureConfig {
    /// Reads the map. An empty text counts as not given.
    #[must_use]
    pub fn read(map: &BTreeMap<String, String>) -> Self {
        let mut config = Self::default();
        for (key, text) in map.iter().filter(|(_, text)| !text.is_empty()) {
            let state =
                CaptureState::ALL.into_iter().find(|state| state.key() == Some(key.as_str()));
            if let Some(state) = state {
                config.prompts.0.insert(state, text.clone());
            } else if config.appearance.take(key, text) != Some(true) {
                config.ignored.push(key.clone());
            }
        }
        config
    }
}
