package web

import (
	"fmt"
	"strings"

	"github.com/boombuler/barcode/qr"

	"paycow/models"
)

// quietZone is the empty margin of a QR code in modules, as ISO/IEC 18004 asks for.
const quietZone = 4

// qrCode draws a text as the path of an SVG picture with one unit a module, runs of dark modules as rectangles. The error
// correction is level M: 15 % of the code may be covered.
func qrCode(text string) (size int, path string, err error) {
	code, err := qr.Encode(text, qr.M, qr.Unicode)
	if err != nil {
		return 0, "", fmt.Errorf("QR code: %w", err)
	}
	bounds := code.Bounds()
	isDark := func(x, y int) bool {
		r, _, _, _ := code.At(bounds.Min.X+x, bounds.Min.Y+y).RGBA()
		return r == 0
	}
	var b strings.Builder
	for y := range bounds.Dy() {
		for x := 0; x < bounds.Dx(); x++ {
			if !isDark(x, y) {
				continue
			}
			begin := x
			for x < bounds.Dx() && isDark(x, y) {
				x++
			}
			fmt.Fprintf(&b, "M%d %dh%dv1H%dz", begin+quietZone, y+quietZone, x-begin, begin+quietZone)
		}
	}
	return bounds.Dx() + 2*quietZone, b.String(), nil
}

// paymentRequest is the EIP-681 URL that asks a wallet to transfer an amount of the token to an address.
func paymentRequest(token string, chainID uint64, address string, amount models.Amount) string {
	return fmt.Sprintf("ethereum:%s@%d/transfer?address=%s&uint256=%d", token, chainID, address, int64(amount))
}

// transferCall is the call of the token's transfer(address,uint256), encoded as the contract ABI says: the function's
// selector, then each argument in 32 bytes.
func transferCall(address string, amount models.Amount) string {
	return fmt.Sprintf("0xa9059cbb%064s%064x", strings.ToLower(strings.TrimPrefix(address, "0x")), int64(amount))
}

// QRPicture is the QR code of a text as an SVG document.
func QRPicture(text string) (string, error) {
	size, path, err := qrCode(text)
	if err != nil {
		return "", err
	}
	//nolint:gocritic // the quotes are SVG's
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges"><rect width="%d" height="%d" fill="#fff"/><path d="%s"/></svg>`,
		size, size, size, size, path), nil
}
