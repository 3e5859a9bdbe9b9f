# A guest of 512 bytes for tests. It says hello on COM 1, counts timer ticks and obeys single letters:
# c counter, s switch off, r restart, p panic; the power button switches off.
.code16
start:
  cli
  xor %ax,%ax
  mov %ax,%ds
  mov %ax,%ss
  mov $0x7c00,%sp
  movl $0,0x600
  mov $0x602,%dx          # PM1 enable: power button
  mov $0x100,%ax
  out %ax,%dx
  mov $hello-start+0x7c00,%si
  call print
next:
  sti
  hlt
  cli
  incl 0x600
  mov $0x600,%dx          # PM1 status: power button
  in %dx,%ax
  test $0x100,%ax
  jnz off
  mov $0x3fd,%dx
  in %dx,%al
  test $1,%al
  jz next
  mov $0x3f8,%dx
  in %dx,%al
  cmp $'s',%al
  je off
  cmp $'r',%al
  je restart
  cmp $'p',%al
  je panic
  cmp $'c',%al
  jne next
  mov 0x600,%ebx          # counter, eight digits
  mov $8,%cx
digit:
  rol $4,%ebx
  mov %bl,%al
  and $15,%al
  add $'0',%al
  cmp $'9',%al
  jbe 1f
  add $7,%al
1: call put
  loop digit
  mov $'\n',%al
  call put
  jmp next
off:
  mov $0x604,%dx          # PM1 control: sleep type 0 is off
  mov $0x2000,%ax
  out %ax,%dx
  jmp next
restart:
  mov $0xfe,%al
  out %al,$0x64
  jmp next
panic:
  mov $0x505,%dx
  mov $1,%al
  out %al,%dx
  jmp next
print:
  lodsb
  test %al,%al
  jz 2f
  call put
  jmp print
put:
  mov $0x3f8,%dx
  out %al,%dx
2: ret
hello: .asciz "hello\n"
