package console

import (
	"encoding/base64"
	"net/http"
)

// flashCookie carries a notice over one redirect.
const flashCookie = "__Host-flash"

func setFlash(w http.ResponseWriter, notice string) {
	http.SetCookie(w, &http.Cookie{
		Name: flashCookie, Value: base64.RawURLEncoding.EncodeToString([]byte(truncate(notice, 300))), Path: "/", MaxAge: 20,
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

func takeFlash(w http.ResponseWriter, r *http.Request) string {
	cookie, err := r.Cookie(flashCookie)
	if err != nil {
		return ""
	}
	http.SetCookie(w, &http.Cookie{Name: flashCookie, Path: "/", MaxAge: -1, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode})
	notice, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil {
		return ""
	}
	return string(notice)
}
