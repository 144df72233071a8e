//! Configuration keys.

use std::collections::BTreeMap;

use liveface::Guidance;
use liveface_legacy::CaptureConfig;
use serde_json::{Value, json};

use crate::support::{Captured, config};

/// What is read of `key` with `text`.
fn read(key: &str, text: &str) -> CaptureConfig {
    CaptureConfig::read(&config(&[(key, text)]))
}

#[test]
fn visual_settings_are_passed_on_with_their_types() {
    let texts = covers![
        "config.screen_title_style",
        "config.capture_title_text",
        "config.overlay_color",
        "config.capturing_progress_color",
        "config.captured_progress_color",
        "config.capture_prompt_style",
        "config.capture_tip_text",
        "config.capture_tip_style",
        "config.review_title_text",
        "config.review_prompt_text",
        "config.review_prompt_style",
        "config.review_tip_text",
        "config.review_tip_style",
        "config.review_confirm_text",
        "config.review_confirm_color",
        "config.review_confirm_style",
        "config.review_retake_text",
        "config.review_retake_color",
        "config.review_retake_style",
        "config.id_capture_side",
        "config.id_capture_orientation",
        "config.id_captured_blurry",
        "config.id_captured_dark_message",
        "config.card_type",
        "config.is_fullscreen",
        "config.is_white_labelled",
        "config.overlay_dotted",
        "config.overlay_alpha",
        "config.overlay_thickness",
        "config.overlay_width",
        "config.overlay_height",
    ];
    for row in texts {
        let key = row.strip_prefix("config.").unwrap();
        let is_flag = ["is_", "overlay_dotted"].iter().any(|start| key.starts_with(start));
        let is_number = ["alpha", "thickness", "width", "height"].iter().any(|n| key.ends_with(n));
        let (text, value, bad) = match (is_flag, is_number) {
            (true, _) => ("True", json!(true), Some("yes")),
            (_, true) => (" 2.5", json!(2.5), Some("wide")),
            _ => ("any Text", json!("any Text"), None),
        };
        let good = read(key, text);
        assert_eq!(good.appearance.to_map(), BTreeMap::from([(key.to_owned(), value)]));
        assert!(good.ignored.is_empty());
        assert_eq!(read(key, ""), CaptureConfig::default(), "{key}: empty is not given");
        if let Some(bad) = bad {
            let ignored = read(key, bad);
            assert_eq!(ignored.ignored, [key]);
            assert!(ignored.appearance.to_map().is_empty());
        }
    }
}

#[test]
fn prompts_replace_the_texts_of_their_guidance_and_no_other() {
    let rows = covers![
        "config.prompt_default",
        "config.prompt_blurry",
        "config.prompt_capturing",
        "config.prompt_do_smile",
        "config.prompt_compatibility_mode",
        "config.prompt_face_not_found",
        "config.prompt_face_too_close",
        "config.prompt_idle",
        "config.prompt_move_closer",
        "config.prompt_too_dark_text",
        "captureState.DO_SMILE_MORE",
        "captureState.OTHER",
    ];
    let page = crate::table::rows();
    for row in rows {
        let replaced = row.strip_prefix("config.").map(|key| read(key, "My own words"));
        for guidance in Guidance::ALL {
            let named = page[row].contains(&format!("`{}`", guidance.code()));
            let text = replaced.as_ref().map_or(guidance.text(), |c| c.prompts.text(*guidance));
            let expected =
                if replaced.is_some() && named { "My own words" } else { guidance.text() };
            assert_eq!(text, expected, "{row} and {guidance:?}");
        }
    }
    // There is no key for what has no text of its own in the original.
    for key in ["prompt_do_smile_more", "prompt_other"] {
        assert_eq!(read(key, "x").ignored, [key]);
    }
}

#[test]
fn texts_of_the_id_screen_are_kept_by_their_keys() {
    let _ = covers!["config.id_prompt_*"];
    let read = read("id_prompt_blurry", "Blurry");
    assert_eq!(read.appearance.id_prompts["id_prompt_blurry"], "Blurry");
    assert_eq!(read.appearance.to_map()["id_prompt_blurry"], "Blurry");
    assert!(read.ignored.is_empty());
}

#[test]
fn what_is_not_understood_is_ignored_and_named() {
    let _ = covers!["config.unknown", "arg.capture.config", "result.SID_RESULT_MESSAGE"];
    let said = Captured::get().said;
    // The configuration without such keys leaves no message.
    assert_eq!(said["first"]["map"].get("SID_RESULT_MESSAGE"), None::<&Value>);
    let message = &said["stranger"]["map"]["SID_RESULT_MESSAGE"];
    assert_eq!(*message, "ignored in the configuration: no_such_key, overlay_alpha");
}
