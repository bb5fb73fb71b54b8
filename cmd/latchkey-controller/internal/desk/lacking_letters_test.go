package desk

import "testing"

func TestItIsSaidWhatScreensLackOfAName(t *testing.T) {
	const todo = " To have it read there, write it in Latin, Greek or Cyrillic letters."
	for name, want := range map[string]string{
		"Ada Lovelace": "", "Łukasz Wójcik": "", "Ελένη": "", "Иван": "", "Zoe\u0308": "", "": "", "A\u200bB": "",
		"李明":         "Readers' screens have no 李, 明: they show no name." + todo,
		"Ada 李明":     "Readers' screens have no 李, 明: they show “Ada …”." + todo,
		"ابجد":       "Readers' screens have no ا, ب, ج: they show no name." + todo,
		"דנה":        "Readers' screens have no ד, נ, ה: they show no name." + todo,
		"สมชาย":      "Readers' screens have no ส, ม, ช: they show no name." + todo,
		"김민준 (Kim)":  "Readers' screens have no 김, 민, 준: they show “… (Kim)”." + todo,
		"Nguyễn Văn": "Readers' screens have no ễ: they show “Nguyên Văn”." + todo,
		"Ama\u0331":  "Readers' screens have no ◌\u0331: they show “Ama”." + todo,
	} {
		if got := OnScreens(name, NoUserName); got != want {
			t.Errorf("%q: %q, not %q", name, got, want)
		}
	}
}
