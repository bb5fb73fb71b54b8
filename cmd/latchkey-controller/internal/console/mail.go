package console

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"latchkey/cmd/latchkey-controller/internal/desk"
	"latchkey/cmd/latchkey-controller/internal/language"
)

// mailPage shows who is told by e-mail, and of what.
type mailPage struct {
	Tab  string // of the integrations
	Mail *desk.MailSettings
	Form *form
	Ask  string // open dialog: "off"
}

// A security is a choice of how the connection to the mail server is protected.
type security struct {
	Key   string
	Title *language.Sentence
}

// Securities are the choices of how the connection to the mail server is protected.
func (*mailPage) Securities() []security {
	return []security{{string(desk.MailTLS), language.Say("TLS, port %s", "465")}, {string(desk.MailSTARTTLS), language.Say("STARTTLS, port %s", "587")}, {string(desk.MailPlain), language.Say("None: the server is on this machine¦protection")}}
}

func (c *Console) mail(w http.ResponseWriter, r *http.Request, v *visit) error {
	return c.showMail(r.URL.Query().Get("ask"))(w, r, v, http.StatusOK, nil)
}

// showMail returns the page with an open dialog; "": none.
func (c *Console) showMail(ask string) formPage {
	return func(w http.ResponseWriter, r *http.Request, v *visit, status int, f *form) error {
		s, err := c.desk.Mail(r.Context(), v.Actor)
		if err != nil {
			return err
		}
		if f == nil {
			f = newForm("host", s.Host, "port", strconv.Itoa(s.Port), "security", string(s.Security), "user", s.User, "sender", s.Sender,
				"recipients", strings.Join(s.Recipients, "\n"), "revision", fmt.Sprint(s.Revision))
			for _, n := range s.Notices {
				f.Values.Add("notice", string(n))
			}
			if s.Names {
				f.Values.Set("names", "on")
			}
		}
		f.warn("mail", fmt.Sprint(s.Revision))
		c.show(w, r, status, "mail", &view{visit: v, Title: language.Say("E-mail"), Section: "integrations", Page: &mailPage{"mail", s, f, ask}})
		return nil
	}
}

func (c *Console) setMail(r *http.Request, v *visit, f *form) (answer, error) {
	port := wholeNumber(f, "port", 65535)
	if len(f.Wrong) > 0 {
		return answer{}, errWrong
	}
	was, err := strconv.ParseInt(f.Get("revision"), 10, 64)
	if err != nil {
		return answer{}, errBadForm
	}
	s := &desk.MailSettings{
		Host: f.Trim("host"), Port: int(port), Security: desk.MailSecurity(f.Get("security")), User: f.Trim("user"), Sender: f.Trim("sender"), Names: f.Has("names", "on"),
		Recipients: strings.FieldsFunc(f.Get("recipients"), func(r rune) bool { return r == ',' || r == ';' || unicode.IsSpace(r) }),
	}
	for _, n := range f.Values["notice"] {
		s.Notices = append(s.Notices, desk.Notice(n))
	}
	return answer{to: "/mail", notice: language.Say("Saved. Send a test to see whether mails arrive.")}, c.desk.SetMail(r.Context(), v.Actor, was, s, slices.Clone(f.secret["mail-password"]))
}

func (c *Console) testMail(r *http.Request, v *visit, _ *form) (answer, error) {
	return answer{to: "/mail", notice: language.Say("The mail server has taken the mail. See whether it arrives.")}, c.desk.TestMail(r.Context(), v.Actor)
}

func (c *Console) mailOff(r *http.Request, v *visit, _ *form) (answer, error) {
	return answer{to: "/mail", notice: language.Say("Nobody is told by e-mail any more.")}, c.desk.RemoveMail(r.Context(), v.Actor)
}
