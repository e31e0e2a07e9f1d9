# Input and output of the programs that run inside a container. `infra/docker/programs.py` puts this text before each.
#
# A program reports with lines: "ok …", "done …", or "error CODE". Before much data it asks for a faster channel: it
# sends "port PORT" and reads a token of 32 characters. "pipe" and blanks: the data stays on the pipes of the exec. Any
# other token: the data goes over a TCP connection to that port, which begins with the same token. The pipes of an exec
# carry less than the engine's own copying does; a connection carries several times that.
use strict;
use Socket qw(INADDR_ANY PF_INET SOCK_STREAM sockaddr_in);

my $IO_TIMEOUT_S = 60;    # without it a peer that takes or gives nothing would keep the process for good
my $TOKEN_CHARS = 32;

open STDERR, ">", "/dev/null";
binmode STDIN;
binmode STDOUT;

sub refuse { syswrite STDOUT, "error $_[0]\n"; exit 0 }

sub write_all {
    my ($handle, $data) = @_;
    alarm $IO_TIMEOUT_S;
    while (length $data) {
        my $written = syswrite $handle, $data or return 0;
        substr($data, 0, $written) = "";
    }
    alarm 0;
    return 1;
}

# Exactly so many bytes; undef if the input ends before.
sub read_exactly {
    my ($handle, $size) = @_;
    my $data = "";
    alarm $IO_TIMEOUT_S;
    while (length $data < $size) {
        sysread $handle, $data, $size - length $data, length $data or return undef;
    }
    alarm 0;
    return $data;
}

sub report { write_all(\*STDOUT, $_[0]) or exit 1 }

# The handle over which much data goes: the given pipe, or a connection that the other side opens.
sub choose_channel {
    my ($pipe) = @_;
    socket my $listener, PF_INET, SOCK_STREAM, 0;
    bind $listener, sockaddr_in(0, INADDR_ANY);
    listen $listener, 5;
    my ($port) = sockaddr_in(getsockname $listener);    # none of this fails where there is any network at all
    report("port $port\n");
    my $token = read_exactly(\*STDIN, $TOKEN_CHARS);
    return $pipe if !defined $token || $token =~ /^pipe/;
    while (1) {
        alarm $IO_TIMEOUT_S;
        accept my $connection, $listener or return $pipe;
        return $connection if (read_exactly($connection, $TOKEN_CHARS) || "") eq $token;
    }
}

