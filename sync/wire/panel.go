package wire

import (
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// drawn are the characters that a reader's panel draws, as ranges, blanks and
// control characters apart: those of the Go fonts, which are the letters of Latin,
// Greek and Cyrillic alphabets and some signs. None of them is written from right
// to left or changes its shape beside another. A test of latchkeyd compares it
// with what the panel does.
var drawn = [][2]rune{
	{0x0021, 0x007E}, {0x00A1, 0x017F}, {0x0192, 0x0192}, {0x01CD, 0x01DC}, {0x01FA, 0x01FF}, {0x0218, 0x021B},
	{0x02C6, 0x02C7}, {0x02C9, 0x02C9}, {0x02D8, 0x02DD}, {0x037E, 0x037E}, {0x0384, 0x038A}, {0x038C, 0x038C},
	{0x038E, 0x03A1}, {0x03A3, 0x03CE}, {0x0400, 0x045F}, {0x0490, 0x0491}, {0x1E80, 0x1E85}, {0x1EF2, 0x1EF3},
	{0x2013, 0x2015}, {0x2017, 0x201E}, {0x2020, 0x2022}, {0x2026, 0x2026}, {0x2030, 0x2030}, {0x2032, 0x2033},
	{0x2039, 0x203A}, {0x203C, 0x203C}, {0x203E, 0x203E}, {0x2044, 0x2044}, {0x2070, 0x2070}, {0x2074, 0x208E},
	{0x2099, 0x2099}, {0x20A3, 0x20A4}, {0x20A7, 0x20A7}, {0x20AC, 0x20AC}, {0x2105, 0x2105}, {0x2113, 0x2113},
	{0x2116, 0x2116}, {0x2122, 0x2122}, {0x2126, 0x2126}, {0x212E, 0x212E}, {0x215B, 0x215E}, {0x2190, 0x2195},
	{0x21A8, 0x21A8}, {0x2202, 0x2202}, {0x2206, 0x2206}, {0x220F, 0x220F}, {0x2211, 0x2212}, {0x2215, 0x2215},
	{0x2219, 0x221A}, {0x221E, 0x221F}, {0x2229, 0x222B}, {0x2248, 0x2248}, {0x2260, 0x2261}, {0x2264, 0x2265},
	{0x2302, 0x2302}, {0x2310, 0x2310}, {0x2320, 0x2321}, {0x2500, 0x2500}, {0x2502, 0x2502}, {0x250C, 0x250C},
	{0x2510, 0x2510}, {0x2514, 0x2514}, {0x2518, 0x2518}, {0x251C, 0x251C}, {0x2524, 0x2524}, {0x252C, 0x252C},
	{0x2534, 0x2534}, {0x253C, 0x253C}, {0x2550, 0x256C}, {0x2580, 0x2580}, {0x2584, 0x2584}, {0x2588, 0x2588},
	{0x258C, 0x258C}, {0x2590, 0x2593}, {0x25A0, 0x25A1}, {0x25AA, 0x25AC}, {0x25B2, 0x25B2}, {0x25BA, 0x25BA},
	{0x25BC, 0x25BC}, {0x25C4, 0x25C4}, {0x25CA, 0x25CB}, {0x25CF, 0x25CF}, {0x25D8, 0x25D9}, {0x25E6, 0x25E6},
	{0x263A, 0x263C}, {0x2640, 0x2640}, {0x2642, 0x2642}, {0x2660, 0x2660}, {0x2663, 0x2663}, {0x2665, 0x2666},
	{0x266A, 0x266B}, {0xF800, 0xF800}, {0xFB01, 0xFB02}, {0xFFFD, 0xFFFD},
}

func isDrawn(r rune) bool {
	i, found := slices.BinarySearchFunc(drawn, r, func(span [2]rune, r rune) int { return int(span[1] - r) })
	return found || i < len(drawn) && drawn[i][0] <= r
}

// Shown returns what a reader's panel shows of a name, as far as there is room,
// and the letters and marks that it lacks, each once: a letter that it cannot draw
// loses as few of its marks as need be, and a run of letters that have none is an
// ellipsis. Of a name of which nothing remains it shows nothing.
func Shown(name string) (shown string, lacks []rune) {
	var out strings.Builder
	letters, gap, space := false, false, false
	put := func(r rune) {
		if space && out.Len() > 0 {
			out.WriteByte(' ')
		}
		space = false
		out.WriteRune(r)
		gap = false
		letters = letters || unicode.IsLetter(r) || unicode.IsNumber(r)
	}
	lack := func(r rune) {
		if !slices.Contains(lacks, r) {
			lacks = append(lacks, r)
		}
	}
	for _, r := range norm.NFC.String(strings.ToValidUTF8(name, "")) {
		switch {
		case unicode.IsSpace(r):
			space = true
		case unicode.IsControl(r) || unicode.Is(unicode.Cf, r):
		case unicode.Is(unicode.Mn, r):
			lack(r)
		case isDrawn(r):
			put(r)
		default:
			lack(r)
			if b, ok := bare(r); ok {
				put(b)
			} else if !gap {
				put('…')
				gap = true
			}
		}
	}
	if !letters {
		return "", lacks
	}
	return out.String(), lacks
}

// bare returns r with the most of its marks that the panel draws.
func bare(r rune) (rune, bool) {
	for d := []rune(norm.NFD.String(string(r))); len(d) > 0; d = d[:len(d)-1] {
		if c := []rune(norm.NFC.String(string(d))); len(c) == 1 && isDrawn(c[0]) {
			return c[0], true
		}
	}
	return 0, false
}
