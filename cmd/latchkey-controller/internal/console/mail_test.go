package console

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"

	"latchkey/cmd/latchkey-controller/internal/desk"
)

// mailTour looks at the page of notices by e-mail.
func mailTour(t *testing.T, beside context.Context) {
	t.Helper()
	w := newWorld(t)
	ctx, complaints := chromium(t, beside, w, desk.Owner)
	tour(t, ctx, w, []stop{{"mail-none", "/mail", ""}})
	eval[bool](t, ctx, `const form = document.querySelector("form.columns"); form.noValidate = true; form.sender.value = "nobody"; form.querySelector("button[type=submit]").click(); true`)
	do(t, ctx, chromedp.WaitVisible(chromedp.CSS("#w-sender")))
	lookAt(t, ctx, "mail-wrong")
	w.must(w.desk.SetMail(t.Context(), owner, 0, &desk.MailSettings{
		Host: "a-mail-server-with-a-long-name.example.com", Port: 465, Security: desk.MailTLS, User: "doors@example.com", Sender: "doors@example.com",
		Recipients: []string{"ada@example.com", "somebody.with.a.long.address@a-mail-server-with-a-long-name.example.com"}, Notices: desk.Notices(), Names: true,
	}, []byte("a password")))
	tour(t, ctx, w, []stop{
		{"mail", "/mail", ""},
		{"mail-off", "/mail?ask=off", ""},
	})
	contented(t, complaints)
}
