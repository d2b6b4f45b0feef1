# SPDX-License-Identifier: Apache-2.0
# A hostile client:  rubbish.pl SOCKET COUNT  connects so often and sends no frame that makes sense. Fails when most of
# these do not even connect.
use strict;
use warnings;
use IO::Socket::UNIX;

my ($path, $count) = @ARGV;
$SIG{PIPE} = 'IGNORE';
my @rubbish = ("\xff" x 64, "\0\0\0\0", pack('N', 5) . "hello", pack('N', 8) . "\x08\x96\x01\x12\x7f\0\0\0", "GET / HTTP/1.0\r\n\r\n");
my $connected = 0;
for my $n (1 .. $count) {
        my $to = IO::Socket::UNIX->new(Peer => $path) or next;
        $connected++;
        syswrite($to, $rubbish[$n % @rubbish]);
        shutdown($to, 1);
        sysread($to, my $answer, 4096);
        close($to);
}
exit($connected * 2 > $count ? 0 : 1);
