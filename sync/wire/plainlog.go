package wire

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"unicode"
)

// maxLogged is the most bytes of an attribute of a log line.
const maxLogged = 500

// PlainLog returns a log for text that strangers can choose: names in certificates,
// topics, reasons. It writes each attribute as one line of at most 500 bytes without
// control characters, those that change the reading order included.
func PlainLog(log *slog.Logger) *slog.Logger { return slog.New(plain{log.Handler()}) }

type plain struct{ slog.Handler }

func (p plain) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, r.Level, plainText(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(plainAttr(a))
		return true
	})
	return p.Handler.Handle(ctx, out)
}

func (p plain) WithAttrs(attrs []slog.Attr) slog.Handler {
	return plain{p.Handler.WithAttrs(plainAttrs(attrs))}
}

func (p plain) WithGroup(name string) slog.Handler { return plain{p.Handler.WithGroup(name)} }

func plainAttrs(attrs []slog.Attr) []slog.Attr {
	out := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		out[i] = plainAttr(a)
	}
	return out
}

func plainAttr(a slog.Attr) slog.Attr {
	switch value := a.Value.Resolve(); value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(plainText(value.String()))
	case slog.KindAny:
		a.Value = slog.StringValue(plainText(fmt.Sprint(value.Any())))
	case slog.KindGroup:
		a.Value = slog.GroupValue(plainAttrs(value.Group())...)
	default:
		a.Value = value
	}
	return a
}

// plainText shortens text to maxLogged bytes and replaces invisible characters.
func plainText(text string) string {
	if whole := len(text); whole > maxLogged {
		text = fmt.Sprintf("%s… (%d bytes)", strings.ToValidUTF8(text[:maxLogged-20], ""), whole)
	}
	return strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
