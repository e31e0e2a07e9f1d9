# Sends the picture of an X display whenever it changes. Xvfb keeps the picture in a file (-fbdir), in the XWD format
# (X11/XWDFile.h).
#
#   FILE FPS    "ok WIDTH HEIGHT", then asks for a channel. Then for each picture that differs from the last one: the
#               number of bands that changed, and of each band its index and its pixels (blue, green, red, unused)
#
# Numbers are four bytes, big-endian. The program ends with its input. "error missing": there is no display.
my ($file_name, $fps) = @ARGV;
my $BAND_LINES = 16;       # displays.py has the same number
my $HEADER_BYTES = 100;    # 25 numbers of four bytes
my $COLOUR_BYTES = 12;     # one entry of the colour table between header and pixels

sub picture {
    open my $file, "<:raw", $file_name or return;
    sysread($file, my $header, $HEADER_BYTES) == $HEADER_BYTES or return;
    my @header = unpack "N25", $header;
    my ($header_size, $width, $height, $bits_per_pixel, $bytes_per_line, $colours) = @header[0, 4, 5, 11, 12, 19];
    return unless $bits_per_pixel == 32 && $bytes_per_line == $width * 4;
    sysseek $file, $header_size + $colours * $COLOUR_BYTES, 0;
    my $pixels = "";
    my $left = $bytes_per_line * $height;
    while ($left > 0) {
        my $read = sysread $file, $pixels, $left, length $pixels or return;
        $left -= $read;
    }
    return ($width, $height, $pixels);
}

my ($width, $height, $pixels) = picture() or refuse("missing");
report("ok $width $height\n");
my $channel = choose_channel(\*STDOUT);
my $band = $width * 4 * $BAND_LINES;
my $previous = "";
while (1) {
    my ($new_width, $new_height, $new_pixels) = picture();
    last if defined $new_pixels && ($new_width != $width || $new_height != $height);
    if (defined $new_pixels && $new_pixels ne $previous) {
        my @changed = grep { substr($new_pixels, $_ * $band, $band) ne substr($previous, $_ * $band, $band) }
            0 .. int((length($new_pixels) - 1) / $band);
        my $bands = join "", map { pack("N", $_) . substr $new_pixels, $_ * $band, $band } @changed;
        write_all($channel, pack("N", scalar @changed) . $bands) or last;
        $previous = $new_pixels;
    }
    my $readable = "";
    vec($readable, fileno(STDIN), 1) = 1;
    last if select $readable, undef, undef, 1 / $fps and !sysread STDIN, my $ignored, 100;
}
