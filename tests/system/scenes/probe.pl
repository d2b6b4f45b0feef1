# SPDX-License-Identifier: Apache-2.0
# Tries what a jobd that was taken over would try, and prints for each a verdict ("ok": it could not), a tab, and
# what it was. Numbers of system calls are those of x86_64.
use strict;
use warnings;
use Errno qw(EPERM EACCES ENOENT EROFS EAFNOSUPPORT ENOSYS);
use Fcntl;
use Socket;

$| = 1;

sub verdict {
        my ($name, $good, $what) = @_;
        print(($good ? 'ok' : "it did: $what"), "\t$name\n");
}

# It must fail; with one of these errors when some are given.
sub refused {
        my ($name, $worked, @errors) = @_;
        my $error = $! + 0;
        my $good = !$worked && (!@errors || grep { $_ == $error } @errors);
        verdict($name, $good, $worked ? 'worked' : "error $error");
}

sub call { # a system call by number; true when it worked
        my ($number, @words) = @_;
        my $answer = syscall($number, @words);
        return defined $answer && $answer != -1;
}

sub can_open {
        my ($path, $flags) = @_;
        return sysopen(my $file, $path, $flags) ? 1 : 0;
}

verdict('is the user jobd', getpwuid($<) eq 'jobd' && $< == $>, "$< $>");
refused('cannot read /home', opendir(my $home, '/home/alice'), EACCES, ENOENT);
refused('cannot read /root', opendir(my $root, '/root'), EACCES, ENOENT);
refused("cannot write $_", can_open("$_/jobd-was-here", O_CREAT | O_WRONLY), EROFS, EACCES) for qw(/usr /etc /boot /var /opt);
refused('cannot read the shadow file', can_open('/etc/shadow', O_RDONLY), EACCES);
refused('cannot read the records of workers', opendir(my $records, '/run/jobd/w'), EACCES);
verdict('can write its state', can_open('/var/lib/jobd/probe', O_CREAT | O_WRONLY) && unlink('/var/lib/jobd/probe'), 'not');
refused('has no disk to open', can_open('/dev/nvme0n1', O_RDONLY), ENOENT, EACCES, EPERM);
refused('has no memory to open', can_open('/dev/mem', O_RDONLY), ENOENT, EACCES, EPERM);
refused('cannot change the kernel', can_open('/proc/sys/kernel/core_pattern', O_WRONLY), EROFS, EACCES);
refused('cannot change control groups', can_open('/sys/fs/cgroup/cgroup.procs', O_WRONLY), EROFS, EACCES);
verdict("cannot see others' processes", !-e '/proc/1/status', 'sees process 1');

refused('cannot become root', call(117, 0, 0, 0), EPERM);                  # setresuid
refused('cannot become somebody else', call(105, 1001), EPERM);           # setuid
refused('cannot join a group', call(116, 1, pack('L', 0)), EPERM);        # setgroups
refused('cannot trace a process', call(101, 16, getppid(), 0, 0), EPERM); # ptrace, ATTACH
my $into = "\0" x 8;
refused("cannot read a process's memory", call(310, getppid(), pack('PQ', $into, 8), 1, pack('QQ', 4096, 8), 1, 0), EPERM);
refused('cannot mount', call(165, "none\0", "/tmp\0", "tmpfs\0", 0, 0), EPERM);
refused('cannot make a user namespace', call(272, 0x10000000), EPERM); # unshare
refused('cannot load a module', call(175, 0, 0, "\0"), EPERM);
refused('cannot load a program into the kernel', call(321, 0, "\0" x 64, 64), EPERM); # bpf
refused('cannot set the clock', call(227, 0, pack('qq', 1, 1)), EPERM);
refused('cannot name the machine', call(170, 'x', 1), EPERM);
refused('cannot reboot', call(169, 0xfee1dead, 672274793, 0x1234567, 0), EPERM);
refused('cannot raise its priority', call(141, 0, 0, -5), EPERM, EACCES);
refused('cannot change its personality', call(135, 0x0040000), EPERM);
refused('cannot make memory that is written and executed', call(9, 0, 4096, 7, 0x22, -1, 0), EPERM); # mmap
refused('cannot make a file set-uid', do {
        can_open('/var/lib/jobd/probe', O_CREAT | O_WRONLY);
        chmod(04755, '/var/lib/jobd/probe') == 1;
}, EPERM);
unlink('/var/lib/jobd/probe');
refused('has no internet', socket(my $inet, PF_INET, SOCK_STREAM, 0), EAFNOSUPPORT, EPERM);
refused('has no netlink', socket(my $netlink, 16, SOCK_RAW, 0), EAFNOSUPPORT, EPERM);
verdict('has unix sockets', socket(my $unix, PF_UNIX, SOCK_STREAM, 0), 'not');
my $said = qx(/bin/su root -c id 2>&1) // '';
verdict('gains nothing from a set-uid program', $said !~ /uid=0/, $said =~ s/\n/ /gr);
print "ok\tends\n";
