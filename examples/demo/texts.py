"""Words and sentences in the scripts that the platform's users write in."""

# ruff: noqa: RUF001  letters that look alike in two scripts are the point here

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tongue:
    """A language, its script, and things said in it."""

    code: str
    locale: str
    script: str
    timezone: str
    given_names: tuple[str, ...]
    family_names: tuple[str, ...]
    sentences: tuple[str, ...]
    words: tuple[str, ...]


TONGUES: tuple[Tongue, ...] = (
    Tongue(
        *("en", "en-GB", "Latin", "Europe/London"),
        given_names=("Ada", "Grace", "Alan", "Mary", "Edith", "Isaac", "Rosalind", "Oscar"),
        family_names=("Lovelace", "Hopper", "O'Brien", "Smith-Jones", "Clarke", "Woolf"),
        sentences=(
            "The quick brown fox jumps over the lazy dog.",
            'She said: "It\'s 100 % true", and left.',
            "A path like C:\\temp\\new is not an escape.",
            "First line\nSecond line\n\tindented third line",
        ),
        words=("river", "candle", "thought", "bridge", "whisper", "garden", "copper", "lantern"),
    ),
    Tongue(
        *("de", "de-DE", "Latin", "Europe/Berlin"),
        given_names=("Jürgen", "Käthe", "Björn", "Änne", "Heiß", "Zoë"),
        family_names=("Müller", "Groß", "Weiß", "Schröder", "Übel"),
        sentences=(
            "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.",
            "Straße, Fuß und Maß behalten ihr ß.",
        ),
        words=("Straße", "Übung", "Brücke", "Schlüssel", "Frühstück", "Mädchen"),
    ),
    Tongue(
        *("uk", "uk-UA", "Cyrillic", "Europe/Kyiv"),
        given_names=("Олена", "Тарас", "Леся", "Ґанна", "Їржі"),
        family_names=("Шевченко", "Коваленко", "Франко", "Українка"),
        sentences=(
            "Щастям б'єш жук їх глицю в фон й ґедзь пріч.",
            "Читання — це подорож без валізи.",
        ),
        words=("річка", "свічка", "думка", "міст", "їжак", "ґанок"),
    ),
    Tongue(
        *("zh", "zh-Hans", "Han", "Asia/Shanghai"),
        given_names=("伟", "芳", "秀英", "敏", "𠮷"),
        family_names=("王", "李", "张", "欧阳"),
        sentences=("学而时习之，不亦说乎？", "我每天读三十分钟书。𠀀𠀁是罕用字。"),
        words=("河流", "蜡烛", "思想", "桥梁", "花园", "灯笼"),
    ),
    Tongue(
        *("ar", "ar-EG", "Arabic", "Africa/Cairo"),
        given_names=("فاطمة", "محمد", "ليلى", "يوسف"),
        family_names=("الهاشمي", "المصري", "عبد الله"),
        sentences=("نصٌّ حكيمٌ لهُ سِرٌّ قاطِعٌ.", "القراءة ٣٠ دقيقة كل يوم (30 min)."),
        words=("نهر", "شمعة", "فكرة", "جسر", "حديقة", "فانوس"),
    ),
    Tongue(
        *("hi", "hi-IN", "Devanagari", "Asia/Kolkata"),
        given_names=("अनिता", "राजेश", "प्रिया", "क्षितिज"),
        family_names=("शर्मा", "गुप्ता", "श्रीवास्तव"),
        sentences=("पढ़ना बिना सामान की यात्रा है।", "ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण।"),
        words=("नदी", "मोमबत्ती", "विचार", "पुल", "बगीचा", "लालटेन"),
    ),
    Tongue(
        *("ja", "ja-JP", "Kana", "Asia/Tokyo"),
        given_names=("さくら", "ハルト", "美咲"),
        family_names=("佐藤", "鈴木", "髙橋"),
        sentences=("いろはにほへと ちりぬるを", "読書は鞄のいらない旅です。"),
        words=("かわ", "ロウソク", "おもい", "はし", "にわ", "ちょうちん"),
    ),
)

EMOJI: tuple[str, ...] = ("🎉", "📚", "👩‍🏫", "🏳️‍🌈", "👍🏽", "🇺🇦", "🧮", "e\u0301", "\u200f", "")

SUBJECTS: tuple[tuple[str, str, str], ...] = (
    ("Mathematics", "数学", "الرياضيات"),
    ("Reading", "阅读", "القراءة"),
    ("Science", "科学", "العلوم"),
    ("History", "历史", "التاريخ"),
    ("Geography", "地理", "الجغرافيا"),
    ("Music", "音乐", "الموسيقى"),
    ("Languages", "语言", "اللغات"),
    ("Art", "艺术", "الفن"),
)

TOPICS: tuple[str, ...] = ("space", "animals", "океан", "恐龙", "تاريخ", "खेल", "robots", "cooking 🍳")
