package models

// Shorten returns the text, cut to the given number of characters and followed by an ellipsis if it is longer.
func Shorten(text string, maxRunes int) string {
	count := 0
	for i := range text {
		if count == maxRunes {
			return text[:i] + "…"
		}
		count++
	}
	return text
}
