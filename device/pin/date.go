package pin

import "time"

// The years of dates that people choose as a PIN, such as birthdays and
// weddings. They are fixed, so that a PIN once accepted does not become weak.
const (
	firstYear = 1920
	lastYear  = 2039
)

// isDate returns whether eight digits are a day of those years, written as
// DDMMYYYY, MMDDYYYY, YYYYMMDD or YYYYDDMM.
func isDate(digits []byte) bool {
	number := func(from, to int) (n int) {
		for _, digit := range digits[from:to] {
			n = 10*n + int(digit-'0')
		}
		return n
	}
	isDay := func(year, month, day int) bool {
		if year < firstYear || year > lastYear || month < 1 || month > 12 || day < 1 {
			return false
		}
		return day <= time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
	}
	a, b, last := number(0, 2), number(2, 4), number(4, 8)
	first, c, d := number(0, 4), number(4, 6), number(6, 8)
	return isDay(last, a, b) || isDay(last, b, a) || isDay(first, c, d) || isDay(first, d, c)
}
