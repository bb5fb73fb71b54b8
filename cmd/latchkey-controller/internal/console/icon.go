package console

import (
	"fmt"
	"html/template"
)

// icons are drawn on a grid of 24 by 24, in strokes of the current colour.
var icons = map[string]string{
	"key":      `<circle cx="8" cy="8" r="5"/><path d="m12 12 8 8m-4-4 3-3"/>`,
	"overview": `<rect x="3.5" y="3.5" width="7" height="7" rx="1.5"/><rect x="13.5" y="3.5" width="7" height="7" rx="1.5"/><rect x="3.5" y="13.5" width="7" height="7" rx="1.5"/><rect x="13.5" y="13.5" width="7" height="7" rx="1.5"/>`,
	"place":    `<path d="M12 21c4.5-4.6 7-8 7-11a7 7 0 1 0-14 0c0 3 2.5 6.4 7 11Z"/><circle cx="12" cy="10" r="2.5"/>`,
	"reader":   `<rect x="6" y="2.5" width="12" height="19" rx="2.5"/><path d="M9.5 7h5M9.5 11h.01M12 11h.01M14.5 11h.01M9.5 14h.01M12 14h.01M14.5 14h.01M12 17.5h.01"/>`,
	"users":    `<circle cx="9" cy="8" r="3.5"/><path d="M2.5 20c.4-3.6 3-5.5 6.5-5.5s6.1 1.9 6.5 5.5M16 4.9a3.5 3.5 0 0 1 0 6.2M18 15c2 .7 3.2 2.4 3.5 5"/>`,
	"activity": `<path d="M3 12h4l3-8 4.5 16 3-8H21"/>`,
	"settings": `<circle cx="12" cy="12" r="3"/><path d="M12 2.5v3M12 18.5v3M2.5 12h3M18.5 12h3M5.3 5.3l2.1 2.1M16.6 16.6l2.1 2.1M5.3 18.7l2.1-2.1M16.6 7.4l2.1-2.1"/>`,
	"door":     `<path d="M5 21V4.5A1.5 1.5 0 0 1 6.5 3h11A1.5 1.5 0 0 1 19 4.5V21M2.5 21h19M15 12h.01"/>`,
	"open":     `<path d="M5 21V4.5A1.5 1.5 0 0 1 6.5 3H17M2.5 21h19M19 21V6l-7 3v12M15 14.5h.01"/>`,
	"hub":      `<rect x="3" y="8" width="18" height="8" rx="2"/><path d="M7 12h.01M10.5 12h.01M12 8V4M12 20v-4M6 20h12"/>`,
	"search":   `<circle cx="11" cy="11" r="6.5"/><path d="m16 16 4.5 4.5"/>`,
	"plus":     `<path d="M12 5v14M5 12h14"/>`,
	"close":    `<path d="m6 6 12 12M18 6 6 18"/>`,
	"copy":     `<rect x="8.5" y="8.5" width="12" height="12" rx="2.5"/><path d="M15.5 8.5V6A2.5 2.5 0 0 0 13 3.5H6A2.5 2.5 0 0 0 3.5 6v7A2.5 2.5 0 0 0 6 15.5h2.5"/>`,
	"printer":  `<path d="M7 8.5V3.5h10v5M7 17.5H5A1.5 1.5 0 0 1 3.5 16v-6A1.5 1.5 0 0 1 5 8.5h14a1.5 1.5 0 0 1 1.5 1.5v6a1.5 1.5 0 0 1-1.5 1.5h-2M7 14h10v6.5H7V14Z"/>`,
	"check":    `<path d="m5 12.5 4.5 4.5L19 7.5"/>`,
	"warning":  `<path d="M12 9v4.5M12 17h.01M10.4 4.2 2.7 17.5A1.9 1.9 0 0 0 4.3 20.3h15.4a1.9 1.9 0 0 0 1.6-2.8L13.6 4.2a1.9 1.9 0 0 0-3.2 0Z"/>`,
	"info":     `<circle cx="12" cy="12" r="9"/><path d="M12 11v5M12 8h.01"/>`,
	"lock":     `<rect x="4.5" y="10.5" width="15" height="10.5" rx="2.5"/><path d="M8 10.5V7.5a4 4 0 0 1 8 0v3"/>`,
	"unlock":   `<rect x="4.5" y="10.5" width="15" height="10.5" rx="2.5"/><path d="M8 10.5V7.5a4 4 0 0 1 7.7-1.5"/>`,
	"pin":      `<rect x="2.5" y="6.5" width="19" height="11" rx="2.5"/><path d="M7 12h.01M10.3 12h.01M13.7 12h.01M17 12h.01"/>`,
	"card":     `<rect x="2.5" y="5" width="19" height="14" rx="2.5"/><path d="M2.5 9.5h19M6 15h4"/>`,
	"sun":      `<circle cx="12" cy="12" r="4"/><path d="M12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M5.3 18.7l1.4-1.4M17.3 6.7l1.4-1.4"/>`,
	"moon":     `<path d="M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z"/>`,
	"system":   `<rect x="3" y="4" width="18" height="12" rx="2"/><path d="M8.5 20h7M12 16v4"/>`,
	"out":      `<path d="M14 4h4a2 2 0 0 1 2 2v12a2 2 0 0 1-2 2h-4M4 12h11M11 8l4 4-4 4"/>`,
	"next":     `<path d="m9 5 7 7-7 7"/>`,
	"back":     `<path d="m15 5-7 7 7 7"/>`,
	"download": `<path d="M12 4v11M7 10.5l5 5 5-5M4.5 20h15"/>`,
	"audit":    `<path d="M6.5 3h8l4 4v14h-12V3ZM9.5 12h6M9.5 16h6M9.5 8h2.5"/>`,
	"shield":   `<path d="M12 3 4.5 5.8v5.7c0 4.6 3.1 8 7.5 9.5 4.4-1.5 7.5-4.9 7.5-9.5V5.8L12 3Z"/><path d="M8.5 12h7"/>`,
	"exit":     `<circle cx="14.5" cy="4" r="1.6"/><path d="m7.5 11.5 1.5-3.5 4-1 2.5 3.5 3 .8M13 7l-2.2 6.2 3.7 3V21M10.5 14l-1.3 3.2-4.2.8"/>`,
	"fire":     `<path d="M12 2.8c.4 3.6 5.8 5.7 5.8 11.4a5.8 5.8 0 0 1-11.6 0c0-2.2 1-3.8 2.3-5 .3 1.8 1 2.6 1.9 2.9-.4-3.4 0-6.6 1.6-9.3Z"/>`,
	"calendar": `<rect x="4" y="5" width="16" height="15" rx="2"/><path d="M4 10h16M8 3v4M16 3v4"/>`,
	"clock":    `<circle cx="12" cy="12" r="9"/><path d="M12 7v5l3.5 2"/>`,
	"plug":     `<path d="M9 3v5M15 3v5M6 8h12v4a6 6 0 0 1-12 0V8ZM12 18v3.5"/>`,
	"bell":     `<path d="M6 16.5V11a6 6 0 0 1 12 0v5.5l1.5 1.5h-15L6 16.5ZM10 20.5h4"/>`,
}

// icon returns a decorative icon, hidden from screen readers.
func icon(name string, size int) (template.HTML, error) {
	strokes, ok := icons[name]
	if !ok {
		return "", fmt.Errorf("no icon %q", name)
	}
	return template.HTML(fmt.Sprintf(`<svg width="%d" height="%d" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">%s</svg>`, size, size, strokes)), nil
}
