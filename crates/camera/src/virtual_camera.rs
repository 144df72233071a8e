//! Cameras that are programs, by the name that the system gives them.
//!
//! A name proves nothing: whoever writes such a program can name it like a camera. It finds those who take a
//! common one. A capture card is no program, though it, too, shows whatever it is given: it is not in the table,
//! because one is how a good camera is connected.

use VirtualCameraKind::{Bridge, Program};

/// What a virtual camera shows when nobody cheats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VirtualCameraKind {
    /// Anything: scenes, videos, pictures, a screen, or a camera's picture that was changed.
    Program,
    /// The camera of a phone, a tablet or another computer. What it is fed with cannot be told from here.
    Bridge,
}

/// A program that poses as a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VirtualCamera {
    /// What it is called, for people.
    pub program: &'static str,
    /// What it shows.
    pub kind: VirtualCameraKind,
}

/// Words that stand one after the other in the name, in lower case; the program. The first that fits counts.
const KNOWN: &[(&[&str], VirtualCameraKind, &str)] = &[
    // "Camo", "Reincubate Camo", "Camo Camera".
    (&["camo"], Bridge, "Camo"),
    // "DroidCam Source 3", "DroidCam Video", "DroidCam Virtual Camera".
    (&["droidcam"], Bridge, "DroidCam"),
    // "EpocCam Camera", "Elgato EpocCam".
    (&["epoccam"], Bridge, "EpocCam"),
    // "EOS Webcam Utility", "EOS Webcam Utility Pro".
    (&["eos", "webcam", "utility"], Bridge, "EOS Webcam Utility"),
    // "GoPro Webcam".
    (&["gopro", "webcam"], Bridge, "GoPro Webcam"),
    // "Sony Camera (Imaging Edge)", "Imaging Edge Webcam".
    (&["imaging", "edge"], Bridge, "Imaging Edge Webcam"),
    // "Iriun Webcam", "Iriun Webcam #2".
    (&["iriun"], Bridge, "Iriun"),
    // "e2eSoft iVCam".
    (&["ivcam"], Bridge, "iVCam"),
    // "IP Webcam", "IP Camera Adapter", "IP Camera [JPEG/MJPEG]": a stream from the network.
    (&["ip", "webcam"], Bridge, "IP Webcam"),
    (&["ip", "camera", "adapter"], Bridge, "IP Camera Adapter"),
    // "NDI Webcam Video 1", "NewTek NDI Video": a stream from the network.
    (&["ndi", "video"], Bridge, "NDI"),
    (&["ndi", "webcam"], Bridge, "NDI"),
    // "VirtualBox Webcam - Integrated Camera".
    (&["virtualbox", "webcam"], Bridge, "VirtualBox"),
    // Android's phones under Windows: "Pixel 8 (Windows Virtual Camera)".
    (&["windows", "virtual", "camera"], Bridge, "Windows virtual camera"),
    // "akvcam", and the driver of the same name: Webcamoid's.
    (&["akvcam"], Program, "Webcamoid"),
    (&["webcamoid"], Program, "Webcamoid"),
    // "AlterCam Virtual Camera".
    (&["altercam"], Program, "AlterCam"),
    // "CamTwist", "CamTwist (2VUY)".
    (&["camtwist"], Program, "CamTwist"),
    // "ChromaCam", "Personify ChromaCam".
    (&["chromacam"], Program, "ChromaCam"),
    // "CyberLink YouCam 7", "YouCam", "CyberLink WebCam Splitter", "CyberLink Webcam Virtual Driver".
    (&["youcam"], Program, "YouCam"),
    (&["cyberlink"], Program, "YouCam"),
    // "fake_device_0": Chromium's `--use-fake-device-for-media-stream`.
    (&["fake", "device"], Program, "Chromium's fake device"),
    // "FineCam", "FineShare FineCam", "Fineshare VirtualCamera".
    (&["finecam"], Program, "FineCam"),
    (&["fineshare"], Program, "FineCam"),
    // "Logi Capture": not the camera that the program was made for.
    (&["logi", "capture"], Program, "Logitech Capture"),
    // "ManyCam Virtual Webcam", "ManyCam Video Source".
    (&["manycam"], Program, "ManyCam"),
    // "mmhmm Camera".
    (&["mmhmm"], Program, "mmhmm"),
    // "Camera (NVIDIA Broadcast)".
    (&["nvidia", "broadcast"], Program, "NVIDIA Broadcast"),
    // "OBS Virtual Camera", "OBS-Camera", "OBS-VirtualCam"; "OBSBOT Tiny 2" is a camera.
    (&["obs"], Program, "OBS"),
    // "Snap Camera".
    (&["snap", "camera"], Program, "Snap Camera"),
    // "SparkoCam Video", "SparkoCam Virtual Webcam".
    (&["sparkocam"], Program, "SparkoCam"),
    // "SplitCam Video Driver".
    (&["splitcam"], Program, "SplitCam"),
    // "SpoutCam".
    (&["spoutcam"], Program, "SpoutCam"),
    // "screen-capture-recorder".
    (&["screen", "capture", "recorder"], Program, "screen-capture-recorder"),
    // "Unity Video Capture".
    (&["unity", "video", "capture"], Program, "Unity Video Capture"),
    // "Dummy video device (0x0000)", driver "v4l2 loopback", bus "platform:v4l2loopback-000".
    (&["dummy", "video", "device"], Program, "v4l2loopback"),
    (&["v4l2", "loopback"], Program, "v4l2loopback"),
    (&["v4l2loopback"], Program, "v4l2loopback"),
    // The test driver of Linux: driver "vivid", bus "platform:vivid-000".
    (&["vivid"], Program, "vivid"),
    // "vMix Video".
    (&["vmix"], Program, "vMix"),
    // "VSeeFaceCamera", "VTubeStudioCam".
    (&["vseefacecamera"], Program, "VSeeFace"),
    (&["vtubestudiocam"], Program, "VTube Studio"),
    // "WebcamMax Capture", "WebcamMax, WDM Video Capture".
    (&["webcammax"], Program, "WebcamMax"),
    // "XSplit VCam", "XSplitBroadcaster".
    (&["xsplit"], Program, "XSplit"),
    (&["xsplitbroadcaster"], Program, "XSplit"),
    // "e2eSoft VCam", "VCam"; XSplit's is above.
    (&["vcam"], Program, "VCam"),
    // What says so itself: "Streamlabs Desktop Virtual Webcam", "Animaze Virtual Camera", "PipeWire Virtual
    // Video Source". Real cameras do not.
    (&["virtual", "cam"], Program, "a virtual camera"),
    (&["virtual", "camera"], Program, "a virtual camera"),
    (&["virtual", "webcam"], Program, "a virtual camera"),
    (&["virtual", "video"], Program, "a virtual camera"),
    (&["virtualcam"], Program, "a virtual camera"),
    (&["virtualcamera"], Program, "a virtual camera"),
    (&["virtualwebcam"], Program, "a virtual camera"),
    (&["fake", "webcam"], Program, "a virtual camera"),
    (&["fake", "camera"], Program, "a virtual camera"),
];

/// The program behind the camera of this name, when it is known for one: the device's name or its driver's, as
/// the system gives it. Case does not matter; only whole words count, and a number may follow them.
#[must_use]
pub fn virtual_camera(name: &str) -> Option<VirtualCamera> {
    let name = name.to_lowercase();
    let words: Vec<&str> =
        name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is = |(word, known): (&&str, &&str)| {
        word.strip_prefix(known).is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let named =
        |known: &[&str]| words.windows(known.len()).any(|words| words.iter().zip(known).all(is));
    let (_, kind, program) = KNOWN.iter().find(|(known, ..)| named(known))?;
    Some(VirtualCamera { program, kind: *kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(name: &str) -> Option<&'static str> {
        virtual_camera(name).map(|camera| camera.program)
    }

    #[test]
    fn programs_are_known_by_their_names() {
        for (name, expected) in [
            ("OBS Virtual Camera", "OBS"),
            ("OBS-Camera2", "OBS"),
            ("obs-virtualcam", "OBS"),
            ("ManyCam Virtual Webcam", "ManyCam"),
            ("XSplit VCam", "XSplit"),
            ("XSplitBroadcaster", "XSplit"),
            ("Snap Camera", "Snap Camera"),
            ("Dummy video device (0x0000)", "v4l2loopback"),
            ("platform:v4l2loopback-000", "v4l2loopback"),
            ("v4l2 loopback", "v4l2loopback"),
            ("mmhmm Camera", "mmhmm"),
            ("CamTwist (2VUY)", "CamTwist"),
            ("Camera (NVIDIA Broadcast)", "NVIDIA Broadcast"),
            ("VCam", "VCam"),
            ("e2eSoft VCam", "VCam"),
            ("SplitCam Video Driver", "SplitCam"),
            ("CyberLink YouCam 7", "YouCam"),
            ("YouCam7", "YouCam"),
            ("AlterCam Virtual Camera", "AlterCam"),
            ("akvcam", "Webcamoid"),
            ("Webcamoid Virtual Camera", "Webcamoid"),
            ("PipeWire Virtual Video Source", "a virtual camera"),
            ("fake_device_0", "Chromium's fake device"),
            ("Streamlabs Desktop Virtual Webcam", "a virtual camera"),
            ("OBSBOT Virtual Camera", "a virtual camera"),
            ("Logi Capture", "Logitech Capture"),
            ("platform:vivid-000", "vivid"),
        ] {
            assert_eq!(program(name), Some(expected), "{name}");
            assert_eq!(program(&name.to_uppercase()), Some(expected), "{name}");
            assert_eq!(virtual_camera(name).unwrap().kind, Program, "{name}");
        }
    }

    #[test]
    fn bridges_to_other_cameras_are_programs_too() {
        for (name, expected) in [
            ("DroidCam Source 3", "DroidCam"),
            ("DroidCam Virtual Camera", "DroidCam"),
            ("Reincubate Camo", "Camo"),
            ("EpocCam Camera", "EpocCam"),
            ("e2eSoft iVCam", "iVCam"),
            ("Iriun Webcam #2", "Iriun"),
            ("EOS Webcam Utility Pro", "EOS Webcam Utility"),
            ("Sony Camera (Imaging Edge)", "Imaging Edge Webcam"),
            ("NDI Webcam Video 1", "NDI"),
            ("VirtualBox Webcam - Integrated Camera", "VirtualBox"),
            ("Pixel 8 (Windows Virtual Camera)", "Windows virtual camera"),
        ] {
            assert_eq!(
                virtual_camera(name),
                Some(VirtualCamera { program: expected, kind: Bridge })
            );
        }
    }

    #[test]
    fn cameras_are_no_programs() {
        for name in [
            "",
            "-- 0 --",
            "0",
            "Camera",
            "Virtual",
            "Logitech BRIO",
            "Logi 4K Stream Edition",
            "HD Pro Webcam C920",
            "Logitech StreamCam",
            "C270 HD WEBCAM",
            "FaceTime HD Camera",
            "FaceTime HD Camera (Built-in)",
            "iPhone Camera",
            "Studio Display Camera",
            "Desk View Camera",
            "Integrated Camera",
            "Integrated Camera: Integrated C",
            "Integrated IR Camera",
            "Integrated_Webcam_HD",
            "UVC Camera (046d:0825)",
            "USB2.0 HD UVC WebCam",
            "USB 2.0 Camera",
            "USB Video Device",
            "OBSBOT Tiny 2",
            "Obsbot Tiny",
            "OBSBOT Meet",
            "Razer Kiyo Pro",
            "HP TrueVision HD Camera",
            "HP Wide Vision HD",
            "Lenovo EasyCamera",
            "EasyCamera",
            "ThinkPad Camera",
            "Microsoft LifeCam HD-3000",
            "Microsoft Camera Front",
            "Surface Camera Front",
            "Chicony USB2.0 Camera",
            "Dell UltraSharp Webcam WB7022",
            "Elgato Facecam Pro",
            "Insta360 Link",
            "AnkerWork C310 Webcam",
            "Creative Live! Cam Sync 1080p",
            "Jabra PanaCast 20",
            "Intel(R) RealSense(TM) Depth Camera 435 RGB",
            "Vivitar ViviCam",
            "platform:bcm2835-isp",
            "uvcvideo",
            "usb-0000:00:14.0-8",
            // Capture cards.
            "Cam Link 4K",
            "Live Gamer Portable 2",
            "USB3.0 HD Video Capture",
        ] {
            assert_eq!(virtual_camera(name), None, "{name}");
        }
    }

    #[test]
    fn every_known_name_is_found_as_it_stands() {
        for (words, ..) in KNOWN {
            assert!(virtual_camera(&words.join(" ")).is_some(), "{words:?}");
            let plain = words
                .iter()
                .all(|word| word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()));
            assert!(plain && !words.is_empty(), "{words:?} can never fit");
        }
    }
}
